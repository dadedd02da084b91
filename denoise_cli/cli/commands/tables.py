"""What the commands that measure share."""

from denoise_cli.cli.csv_tables import plain, write_csv
from denoise_cli.cli.typed import check_output, crop_of
from denoise_cli.storage.pipes import PIPE as STDIO

__all__ = ["STDIO", "check_output", "crop_of", "plain", "write_csv"]
