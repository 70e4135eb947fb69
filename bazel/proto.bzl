"""Protos: messages by protobuf-c, services by our generator, descriptor sets for reflection.

    pek_proto_library(
        name = "group",
        srcs = ["pek/group/v1/group.proto"],     # in protos/BUILD
        services = True,
        deps = [":options", "//third_party/googleapis:annotations"],
    )

makes
    :group              cc_library of the messages, #include "pek/group/v1/group.pb-c.h"
    :group_rpc          with services = True or names = True: cc_library of the services and of the
                        short names as well, #include "pek/group/v1/group.rpc.h"
    :group_row          with rows = True: cc_library of the columns and row readers of messages with pek.row,
                        #include "pek/group/v1/group.row.h"
    :group_proto        the protos themselves, what other proto rules depend on
    :group_descriptors  a FileDescriptorSet of these files and all they import

`deps` are other pek_proto_library targets. Files are known to protoc by their path below `root`.

    pek_descriptor_set(name, protos)             one FileDescriptorSet of several libraries
"""

load("//bazel:pek.bzl", "COPTS", "GENERATED_COPTS")

PekProtoInfo = provider(
    "Protos, by themselves and with what they import.",
    fields = {
        "import_paths": "list of direct files as protoc names them",
        "files": "depset of all files, own and imported",
        "roots": "depset of import folders",
    },
)

def _under(path, folder):
    return not folder or path == folder or path.startswith(folder + "/")

def _below(path, folder):
    return path[len(folder) + 1:] if folder else path

def _import_root(file, root):
    parts = [p for p in [file.root.path, file.owner.workspace_root, root] if p]
    return "/".join(parts)

def _import_path(file, root):
    path = file.short_path
    if path.startswith("../"):
        path = path.split("/", 2)[2]
    if not _under(path, root):
        fail("{} is not below the import root '{}'".format(path, root))
    return _below(path, root)

def _output_base(package, root):
    """The folder that outputs, and #includes of them, are relative to."""
    return root if root and _under(package, root) else package

def _protoc(ctx, info, arguments, outputs, tools, what):
    args = ctx.actions.args()
    args.add_all(info.roots, format_each = "-I%s")
    args.add_all(arguments)
    args.add_all(info.import_paths)
    ctx.actions.run(
        executable = ctx.executable._protoc,
        arguments = [args],
        inputs = info.files,
        tools = tools,
        outputs = outputs,
        mnemonic = "PekProtoc",
        progress_message = "Generating {} of {}".format(what, ctx.label),
    )

def _descriptor_set(ctx, info, output):
    _protoc(
        ctx,
        info,
        # Comments are the descriptions of the OpenAPI document.
        ["--include_imports", "--include_source_info", "--descriptor_set_out=" + output.path],
        [output],
        [],
        "descriptors",
    )

def _pek_proto_impl(ctx):
    root = ctx.attr.root
    imported = [dep[PekProtoInfo] for dep in ctx.attr.deps]
    info = PekProtoInfo(
        import_paths = [_import_path(f, root) for f in ctx.files.srcs],
        files = depset(ctx.files.srcs, transitive = [i.files for i in imported]),
        roots = depset(
            [_import_root(f, root) for f in ctx.files.srcs],
            transitive = [i.roots for i in imported],
        ),
    )

    base = _output_base(ctx.label.package, root)
    out = "{}/{}".format(ctx.bin_dir.path, base)
    sources = {}
    for kind in ["pb-c.h", "pb-c.c", "rpc.h", "rpc.c", "row.h", "row.c"]:
        names = [
            _below("{}/{}".format(base, p[:-len("proto")] + kind), ctx.label.package)
            for p in info.import_paths
        ]
        sources[kind] = names

    messages = [ctx.actions.declare_file(n) for n in sources["pb-c.h"] + sources["pb-c.c"]]
    _protoc(
        ctx,
        info,
        ["--plugin=protoc-gen-c=" + ctx.executable._protoc_gen_c.path, "--c_out=" + out],
        messages,
        [ctx.executable._protoc_gen_c],
        "messages",
    )

    services = []
    rows = []
    if ctx.attr.services:
        plugin = ctx.executable._protoc_gen_pek
        services = [ctx.actions.declare_file(n) for n in sources["rpc.h"] + sources["rpc.c"]]
        if ctx.attr.rows:
            rows = [ctx.actions.declare_file(n) for n in sources["row.h"] + sources["row.c"]]
        _protoc(
            ctx,
            info,
            ["--plugin=protoc-gen-pek=" + plugin.path, "--pek_out=" + out],
            services + rows,
            [ctx.attr._protoc_gen_pek[DefaultInfo].files_to_run],
            "services",
        )

    descriptors = ctx.actions.declare_file(ctx.attr.stem + "_descriptors.pb")
    _descriptor_set(ctx, info, descriptors)

    return [
        info,
        DefaultInfo(files = depset(ctx.files.srcs)),
        OutputGroupInfo(
            message_headers = depset([f for f in messages if f.extension == "h"]),
            message_sources = depset([f for f in messages if f.extension == "c"]),
            service_headers = depset([f for f in services if f.extension == "h"]),
            service_sources = depset([f for f in services if f.extension == "c"]),
            row_headers = depset([f for f in rows if f.extension == "h"]),
            row_sources = depset([f for f in rows if f.extension == "c"]),
            descriptors = depset([descriptors]),
        ),
    ]

_PROTOC = attr.label(
    default = "@system_protobuf//:bin/protoc",
    allow_single_file = True,
    executable = True,
    cfg = "exec",
)

_ATTRS = {
    "srcs": attr.label_list(allow_files = [".proto"], mandatory = True),
    "deps": attr.label_list(providers = [PekProtoInfo]),
    "root": attr.string(),
    "rows": attr.bool(),
    "services": attr.bool(),
    "stem": attr.string(mandatory = True),
    "_protoc": _PROTOC,
    "_protoc_gen_c": attr.label(
        default = "@system_protobuf//:bin/protoc-gen-c",
        allow_single_file = True,
        executable = True,
        cfg = "exec",
    ),
}

_pek_proto = rule(
    implementation = _pek_proto_impl,
    attrs = _ATTRS,
)

# Apart, so that protos without services (the options that the generator itself reads, for one) do not
# depend on the generator.
_pek_proto_with_services = rule(
    implementation = _pek_proto_impl,
    attrs = dict(
        _ATTRS,
        _protoc_gen_pek = attr.label(
            default = "//bazel/generator:protoc-gen-pek",
            executable = True,
            cfg = "exec",
        ),
    ),
)

def _pek_descriptor_set_impl(ctx):
    protos = [p[PekProtoInfo] for p in ctx.attr.protos]
    paths = {}
    for p in protos:
        for path in p.import_paths:
            paths[path] = True
    info = PekProtoInfo(
        import_paths = sorted(paths.keys()),
        files = depset(transitive = [p.files for p in protos]),
        roots = depset(transitive = [p.roots for p in protos]),
    )
    output = ctx.actions.declare_file(ctx.label.name + ".pb")
    _descriptor_set(ctx, info, output)
    return [DefaultInfo(files = depset([output]))]

_pek_descriptor_set = rule(
    implementation = _pek_descriptor_set_impl,
    attrs = {
        "protos": attr.label_list(providers = [PekProtoInfo], mandatory = True),
        "_protoc": _PROTOC,
    },
)

def _suffixed(label, suffix):
    """//a/b and //a/b:c and :c, as the target beside it whose name ends in suffix."""
    if ":" in label:
        return label + suffix
    if label.startswith("//"):
        return "{}:{}{}".format(label, label.rpartition("/")[2], suffix)
    return ":" + label + suffix

def pek_descriptor_set(name, protos, **kwargs):
    """`protos` are pek_proto_library targets; the output is NAME.pb."""
    _pek_descriptor_set(name = name, protos = [_suffixed(p, "_proto") for p in protos], **kwargs)

def pek_proto_library(
        name,
        srcs,
        deps = [],
        root = "protos",
        services = False,
        names = False,
        rows = False,
        visibility = None):
    """See the head of this file. `root` is the import folder, from the top of the srcs' repository.

    `names` is for protos of ours without services: what is generated needs no //shared/rpc then. `rows` is for
    those with a message that is read from rows.
    """
    proto = name + "_proto"
    generated = services or names
    rule_of_kind = _pek_proto_with_services if generated else _pek_proto
    rule_of_kind(
        name = proto,
        srcs = srcs,
        deps = [_suffixed(d, "_proto") for d in deps],
        root = root,
        rows = rows,
        services = generated,
        stem = name,
        visibility = visibility,
    )

    groups = ["message_headers", "message_sources", "descriptors"]
    if generated:
        groups += ["service_headers", "service_sources"]
    if rows:
        groups += ["row_headers", "row_sources"]
    for group in groups:
        native.filegroup(
            name = "{}_{}".format(name, group),
            srcs = [proto],
            output_group = group,
            visibility = visibility,
        )

    package = native.package_name()
    base = _output_base(package, root)
    up = "." if base == package else "/".join([".."] * len(_below(package, base).split("/")))

    native.cc_library(
        name = name,
        srcs = [":{}_message_sources".format(name)],
        hdrs = [":{}_message_headers".format(name)],
        copts = GENERATED_COPTS,
        includes = [up],
        linkstatic = True,
        deps = deps + ["//third_party/protobuf_c"],
        visibility = visibility,
    )
    if generated:
        native.cc_library(
            name = name + "_rpc",
            srcs = [":{}_service_sources".format(name)],
            hdrs = [":{}_service_headers".format(name)],
            # Our own generator wrote it: it keeps to what all sources keep to.
            copts = COPTS,
            includes = [up],
            linkstatic = True,
            deps = [":" + name] + (["//shared/rpc"] if services else []),
            visibility = visibility,
        )
    if rows:
        native.cc_library(
            name = name + "_row",
            srcs = [":{}_row_sources".format(name)],
            hdrs = [":{}_row_headers".format(name)],
            copts = COPTS,
            includes = [up],
            linkstatic = True,
            deps = [
                ":" + name + "_rpc",
                "//shared/row",
            ],
            visibility = visibility,
        )
