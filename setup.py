"""Builds pydlpar._native; everything else stands in pyproject.toml."""

import shutil
import sysconfig
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithSources(build_py):
    """Puts the C files into the package, for `pydlpar.get_include()`."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "pydlpar", "csrc")
        target.mkdir(parents=True, exist_ok=True)
        for source in sorted(Path("csrc").glob("*.[ch]")):
            shutil.copyfile(source, target / source.name)


options = {}
if not sysconfig.get_config_var("Py_GIL_DISABLED"):
    options["bdist_wheel"] = {"py_limited_api": "cp310"}

setup(
    cffi_modules=["csrc/cffi_build.py:ffibuilder"],
    cmdclass={"build_py": BuildWithSources},
    options=options,
)
