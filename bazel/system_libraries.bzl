"""The system libraries, one repository each, rooted at /usr.

`third_party/<name>/<name>.BUILD` says what belongs to the library; sources depend on
`//third_party/<name>`, never on these repositories. Headers are found where the compiler finds them
anyway; they are listed all the same, so that an upgraded package rebuilds what uses it.
"""

LIBRARIES = [
    "brotli",
    "cmocka",
    "grpc",
    "hiredis",
    "icu",
    "jansson",
    "libcurl",
    "libjwt",
    "libpq",
    "libuv",
    "nghttp2",
    "openssl",
    "protobuf",
    "protobuf_c",
    "zlib",
]

def system_libraries():
    for name in LIBRARIES:
        native.new_local_repository(
            name = "system_" + name,
            path = "/usr",
            build_file = "//third_party/{0}:{0}.BUILD".format(name),
        )
    native.new_local_repository(
        name = "system_googleapis",
        path = "/usr/share/gocode/src/github.com/gogo/googleapis",
        build_file = "//third_party/googleapis:googleapis.BUILD",
    )
