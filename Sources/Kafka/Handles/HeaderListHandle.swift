internal import CRdkafka

/// Owns a list of record headers until the library takes it over.
@safe
struct HeaderListHandle: ~Copyable {
  @unsafe let raw: OpaquePointer

  init(_ headers: [(String, [UInt8]?)]) {
    unsafe raw = rd_kafka_headers_new(headers.count)
    for (name, value) in headers {
      unsafe withBytes(value) { bytes in
        // Copies both; −1 takes the name's length from its terminator.
        _ = unsafe rd_kafka_header_add(raw, name, -1, bytes.base, bytes.count)
      }
    }
  }

  deinit { unsafe rd_kafka_headers_destroy(raw) }

  /// The library has taken it over.
  consuming func release() { discard self }
}

/// Bytes as C calls want them: a null base means absent, which is not the same as empty.
@unsafe
struct OptionalBytes {
  let base: UnsafeMutableRawPointer?
  let count: Int
}

@unsafe
func withBytes<Result>(_ bytes: [UInt8]?, _ body: (OptionalBytes) -> Result) -> Result {
  guard let bytes else { return unsafe body(OptionalBytes(base: nil, count: 0)) }
  return unsafe bytes.withUnsafeBytes { buffer in
    // An empty array has no base address; any non-null one says "present, no bytes".
    let base = unsafe buffer.baseAddress ?? UnsafeRawPointer(bitPattern: 1)
    return unsafe body(
      OptionalBytes(base: UnsafeMutableRawPointer(mutating: base), count: buffer.count))
  }
}
