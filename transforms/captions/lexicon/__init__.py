"""Words of English: their base forms (lemminflect) and which words have one sense (a file derived from WordNet)."""
