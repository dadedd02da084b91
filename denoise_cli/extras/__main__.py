"""python -m denoise_cli.extras"""

from denoise_cli.extras.entry import app

if __name__ == "__main__":
    app(prog_name="denoise extras")
