"""Beam's local job service, asking for two workers a job: its own has no option for more than one."""

from __future__ import annotations

import sys
from typing import Any

from apache_beam.runners.portability import local_job_service_main
from apache_beam.runners.portability.fn_api_runner import fn_runner


class _TwoWorkers(fn_runner.FnApiRunner):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._num_workers = 2


if __name__ == "__main__":
    fn_runner.FnApiRunner = _TwoWorkers
    local_job_service_main.run(sys.argv[1:])
