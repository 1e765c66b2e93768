"""The table of limits for files that may come from anybody; docs/limits.md explains each to the user."""

from __future__ import annotations

#: A value as a Python object, which is larger than the value in a file.
VALUE_BYTES = 64

#: A table takes at most so much memory when it is decoded: a part for any table, and a part for each row.
TABLE_BYTES, ROW_BYTES = 128 << 20, 64 << 10
#: The same by the size of the file: a table may be so many times as large as its file, and something besides.
EXPANSION, EXPANSION_FREE_BYTES = 500, 64 << 20
#: Columns of a table with those inside them, and pages of all columns together.
MOST_COLUMNS, MOST_PAGES = 4_096, 200_000
#: The footer of a Parquet file, which describes its columns, and the values in it.
MOST_FOOTER_BYTES, MOST_FOOTER_VALUES = 8 << 20, 1_000_000
#: The header of a page, which may hold the least and the largest value.
MOST_PAGE_HEADER_BYTES = 1 << 20
#: The values of one column in one row, such as the captions of a clip.
MOST_VALUES_OF_A_CELL = 100_000

#: The rows of a shard: a build puts at most 4,096 rows of several clips, or 10,000 of one clip, into a shard.
MOST_ROWS_OF_A_SHARD = 20_000
#: A table that has more rows than release.json states is read up to twice as many and so many more, to name them all.
MORE_ROWS_THAN_STATED = 10_000
#: A FLAC may have so many bytes beside those of its samples.
FLAC_HEADER_BYTES = 1 << 20
#: A caption that is checked.
MOST_CAPTION_CHARACTERS = 20_000
#: The problems that `elsa verify` keeps, the characters of each, and the kinds that it prints.
MOST_PROBLEMS, MOST_PROBLEM_CHARACTERS, MOST_PROBLEM_KINDS = 200_000, 400, 100

#: A JSON file such as release.json, the values in it, and how deep they lie in each other.
MOST_JSON_BYTES, MOST_JSON_VALUES, MOST_JSON_DEPTH = 64 << 20, 2_000_000, 32
#: One line of a file of JSON lines.
MOST_JSON_LINE_BYTES = 4 << 20

#: Any other file of a release or of its workspace that is read whole, such as a note of a build.
MOST_FILE_BYTES = 64 << 20

#: A text at the root of a release, such as its card.
MOST_TEXT_BYTES = 64 << 20

#: The label of a clip, which names a class.
MOST_LABEL_CHARACTERS = 200
#: A list in a format of text, which is read whole.
MOST_LIST_BYTES = 1 << 30
#: The columns of a CSV list, most of which nobody reads.
MOST_LIST_COLUMNS = 4_096
#: Headers of a tar: one of a member, and all beyond what each member's own may take.
MOST_TAR_HEADER_BYTES, TAR_HEADER_BYTES, SPARE_TAR_HEADER_BYTES = 1 << 20, 1 << 13, 1 << 22
#: A list of rooms that a recipe names.
MOST_ROOM_LIST_BYTES = 8 << 20

#: A recipe, the values in it with those that its aliases repeat, and how deep they lie in each other.
MOST_RECIPE_BYTES, MOST_RECIPE_VALUES, MOST_RECIPE_DEPTH = 8 << 20, 500_000, 16
#: The digits of a number in a recipe.
MOST_RECIPE_DIGITS = 400

#: The largest array of a head's file in bytes, 16,000 directions of 1,000 taps, and the file itself.
MOST_HEAD_BYTES, MOST_HEAD_FILE_BYTES = 256 << 20, 1 << 30
#: A MAT file of version 5 when it is unpacked, the values in it, and how deep they lie in each other.
MOST_MAT_BYTES, MOST_MAT_VALUES, MOST_MAT_DEPTH = 128 << 20, 20_000, 8
