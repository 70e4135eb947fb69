"""The rules that C code of this repository is built with.

    pek_cc_library(name, srcs, hdrs, deps)   a library; includes are rooted at the repository
    pek_cc_binary(name, srcs, deps)          a program
    pek_cc_test(name, srcs, deps)            a cmocka test; size = small (default) … enormous
    pek_cc_fuzz(name, srcs, corpus, deps)    a libFuzzer target; a replay of its corpus otherwise

One place for warnings and hardening, so that no BUILD file has flags of its own. What depends on the
mode (optimisation, sanitizers, LTO) is in .bazelrc.
"""

_WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wcast-qual",
    "-Wformat=2",
    "-Wimplicit-fallthrough",
    "-Wmissing-prototypes",
    "-Wold-style-definition",
    "-Wpointer-arith",
    "-Wshadow",
    "-Wstrict-prototypes",
    "-Wundef",
    "-Wvla",
    "-Wwrite-strings",
    # {0} is how C zeroes a struct.
    "-Wno-missing-field-initializers",
]

_WARNINGS_GCC = [
    "-Wduplicated-branches",
    "-Wduplicated-cond",
    "-Wlogical-op",
]

_WARNINGS_CLANG = [
    "-Wconditional-uninitialized",
    "-Wunreachable-code-break",
    # protobuf-c's initialisers cast const away; gcc knows that they come from a system header.
    "-Wno-cast-qual",
    # Assembly sources take fewer flags than C.
    "-Wno-unused-command-line-argument",
]

LANGUAGE_COPTS = [
    "-std=gnu11",
    "-D_GNU_SOURCE",
    "-g",
    "-fno-common",
    "-fstack-clash-protection",
    "-fno-strict-overflow",
    "-fvisibility=hidden",
]

COPTS = LANGUAGE_COPTS + _WARNINGS + select({
    "//bazel:clang": _WARNINGS_CLANG,
    "//conditions:default": _WARNINGS_GCC,
})

# For C that a generator wrote: nobody can act on its warnings.
GENERATED_COPTS = LANGUAGE_COPTS + ["-w"]

LINKOPTS = [
    "-Wl,-z,relro",
    "-Wl,-z,now",
    "-Wl,--as-needed",
]

def pek_cc_library(name, srcs = [], hdrs = [], deps = [], copts = [], linkopts = [], **kwargs):
    """A C library. Private headers may be in srcs; .S files are welcome."""
    native.cc_library(
        name = name,
        srcs = srcs,
        hdrs = hdrs,
        deps = deps,
        copts = COPTS + copts,
        linkopts = linkopts,
        linkstatic = True,
        **kwargs
    )

def pek_cc_binary(name, srcs = [], deps = [], copts = [], linkopts = [], **kwargs):
    native.cc_binary(
        name = name,
        srcs = srcs,
        deps = deps,
        copts = COPTS + copts,
        linkopts = LINKOPTS + linkopts,
        **kwargs
    )

def pek_cc_test(name, srcs = [], deps = [], copts = [], linkopts = [], size = "small", **kwargs):
    """A cmocka test. Sizes are Bazel's: small 1 min, medium 5 min, large 15 min, enormous 1 h."""
    native.cc_test(
        name = name,
        srcs = srcs,
        deps = deps + ["//third_party/cmocka"],
        copts = COPTS + copts,
        linkopts = LINKOPTS + linkopts,
        linkstatic = True,
        size = size,
        **kwargs
    )

def pek_cc_fuzz(name, srcs, corpus, deps = [], copts = [], size = "small", tags = [], **kwargs):
    """A fuzz target: srcs define LLVMFuzzerTestOneInput (bazel/fuzz/fuzz.h); `corpus` lists files.

    As a test it replays each file of the corpus once. Under --config=fuzz the same program is a
    libFuzzer: as a test it still only replays; ./dev fuzz lets it run.
    """
    native.cc_test(
        name = name,
        srcs = srcs,
        args = ["$(rootpath {})".format(f) for f in corpus],
        data = corpus,
        deps = deps + ["//bazel/fuzz"] + select({
            "//bazel:libfuzzer": [],
            "//conditions:default": ["//bazel/fuzz:replay"],
        }),
        copts = COPTS + copts,
        linkopts = LINKOPTS + select({
            "//bazel:libfuzzer": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        linkstatic = True,
        size = size,
        tags = tags + ["fuzz"],
        **kwargs
    )
