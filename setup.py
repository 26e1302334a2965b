"""Builds pydlpar._native; everything else stands in pyproject.toml."""

import sysconfig

from setuptools import setup

options = {}
if not sysconfig.get_config_var("Py_GIL_DISABLED"):
    options["bdist_wheel"] = {"py_limited_api": "cp310"}

setup(cffi_modules=["csrc/cffi_build.py:ffibuilder"], options=options)
