/// The bytes of the file being written that the caller has not taken yet.
struct FileOutput {
  private(set) var bytes: [UInt8] = []
  private var takenByteCount = 0

  /// Position in the file of the next byte.
  var filePosition: Int { takenByteCount + bytes.count }

  mutating func append(_ other: [UInt8]) { bytes.append(contentsOf: other) }

  /// Appends bytes, if there are any, and returns where in the file they lie.
  mutating func append(ranged other: [UInt8]?) -> Range<Int>? {
    guard let other else { return nil }
    let start = filePosition
    append(other)
    return start..<filePosition
  }

  /// Appends a page with its header; returns the bytes both take uncompressed.
  mutating func append(
    _ page: PageBuffer, through compressor: inout PageCompressor,
    header: (_ compressedByteCount: Int) -> [UInt8]
  ) -> Int {
    var headerByteCount = 0
    compressor.append(page, to: &bytes) { compressedByteCount in
      let encoded = header(compressedByteCount)
      headerByteCount = encoded.count
      return encoded
    }
    return headerByteCount + page.count
  }

  mutating func take() -> [UInt8] {
    let taken = bytes
    takenByteCount += taken.count
    bytes = []
    return taken
  }
}
