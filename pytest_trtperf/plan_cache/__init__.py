"""Plans on disk: entries, locks, identity, trust and size.

One word for one thing, here and in the names of the code:

- **key**: what the cache stores a plan under, the SHA-256 of what the plan is built from.
- **digest**: the SHA-256 of content, of a file or of several. Large files are digested in chunks.
- **checksum**: what the cache verifies a file by before it is loaded. Of a plan it is the digest in
  chunks, of a runtime cache the plain SHA-256.
- **plan_sha256**: the plain SHA-256 of a plan's bytes, which `sha256sum` prints as well.
- **runtime cache**: the kernels that TensorRT for RTX compiled for a plan, its `IRuntimeCache`.
"""
