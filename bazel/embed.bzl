"""Files inside the program.

    pek_embed(name = "schema", src = "schema.sql", symbol = "group_schema")

makes a cc_library; `#include "<package>/schema.h"` declares
    extern const unsigned char group_schema[];   (a zero byte follows the last)
    extern const size_t group_schema_len;
"""

load("//bazel:pek.bzl", "GENERATED_COPTS")

def pek_embed(name, src, symbol, visibility = None):
    native.genrule(
        name = name + "_embed",
        srcs = [src],
        outs = [
            name + ".h",
            name + ".c",
        ],
        tools = ["//bazel/embed:embed.sh"],
        cmd = "$(execpath //bazel/embed:embed.sh) $(execpath {name}.h) $(execpath {name}.c) {package}/{name}.h {symbol} $(execpath {src})".format(
            name = name,
            package = native.package_name(),
            src = src,
            symbol = symbol,
        ),
        visibility = ["//visibility:private"],
    )
    native.cc_library(
        name = name,
        srcs = [name + ".c"],
        hdrs = [name + ".h"],
        copts = GENERATED_COPTS,
        linkstatic = True,
        visibility = visibility,
    )
