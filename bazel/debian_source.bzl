"""Headers and protos that Debian ships only inside a source package.

    debian_source(
        name = "grpc_source",
        package = "grpc",                       # for bazel/fetch-debian-source.sh
        tarball = "grpc_1.51.1.orig.tar.gz",    # looked for in the cache folder
        sha256 = "…",                           # of the tarball; anything else is refused
        members = {"third_party/upb/upb": "upb"},  # path in the tarball: path here
        build_file = "//third_party/upb:upb.BUILD",
    )

`./dev setup` brings the tarball (bazel/fetch-debian-source.sh reads these attributes from WORKSPACE);
the build only unpacks it. The cache folder is $PEK_CACHE, or $HOME/.cache/pek.
"""

def _run(ctx, arguments):
    result = ctx.execute(arguments)
    if result.return_code:
        fail("{}: {}".format(" ".join(arguments[:2]), result.stderr))
    return result.stdout

def _debian_source_impl(ctx):
    cache = ctx.os.environ.get("PEK_CACHE") or ctx.os.environ.get("HOME", "") + "/.cache/pek"
    tarball = "{}/debian-source/{}".format(cache, ctx.attr.tarball)
    if not ctx.path(tarball).exists:
        fail("{} is missing: run ./dev setup (or bazel/fetch-debian-source.sh)".format(tarball))
    found = _run(ctx, ["sha256sum", tarball]).split(" ")[0]
    if found != ctx.attr.sha256:
        fail("{} has sha256 {}, not the pinned {}".format(tarball, found, ctx.attr.sha256))

    prefix = ctx.attr.strip_prefix
    arguments = ["tar", "-xf", tarball, "--strip-components=1", "-C", "unpacked"]
    _run(ctx, ["mkdir", "unpacked"])
    _run(ctx, arguments + ["{}/{}".format(prefix, member) for member in ctx.attr.members])
    for member, here in ctx.attr.members.items():
        if "/" in here:
            _run(ctx, ["mkdir", "-p", here.rpartition("/")[0]])
        _run(ctx, ["mv", "unpacked/" + member, here])
    _run(ctx, ["rm", "-r", "unpacked"])
    # A BUILD file that came along would hide its folder from our own.
    _run(ctx, ["find", ".", "(", "-name", "BUILD", "-o", "-name", "BUILD.bazel", ")", "-type", "f", "-delete"])
    ctx.symlink(ctx.attr.build_file, "BUILD.bazel")

debian_source = repository_rule(
    implementation = _debian_source_impl,
    attrs = {
        "package": attr.string(mandatory = True),
        "tarball": attr.string(mandatory = True),
        "sha256": attr.string(mandatory = True),
        "strip_prefix": attr.string(mandatory = True),
        "members": attr.string_dict(mandatory = True),
        "build_file": attr.label(mandatory = True, allow_single_file = True),
    },
    environ = [
        "HOME",
        "PEK_CACHE",
    ],
)
