import CLz4
import CSnappy
import CZstd

/// Decompresses the pages of one column chunk; owns the zstd context, if one is needed.
///
/// **Invariants:** the context, if there is one, is freed exactly once.
@safe struct PageDecompressor: ~Copyable {
  private let codec: Codec
  private let context: OpaquePointer?

  init(_ codec: Codec) {
    self.codec = codec
    guard codec == .zstd else {
      unsafe context = nil
      return
    }
    guard let created = unsafe ZSTD_createDCtx() else {
      preconditionFailure("zstd cannot allocate a decompression context: out of memory")
    }
    unsafe context = created
  }

  deinit { _ = unsafe ZSTD_freeDCtx(context) }

  /// Decompresses the bytes in `range` to exactly `byteCount` bytes, or not at all.
  ///
  /// A size that the codec cannot reach from that few bytes is refused before memory is taken.
  func decompress(
    _ bytes: [UInt8], _ range: Range<Int>, byteCount: Int
  ) throws(PageFault) -> PageInput {
    if codec == .uncompressed {
      guard range.count == byteCount else {
        throw .malformed("a page of two sizes that is not compressed")
      }
      return PageInput(bytes, range)
    }
    guard byteCount / codec.expansionMax <= range.count else {
      throw .malformed("\(range.count) bytes that would decompress to \(byteCount)")
    }
    let page = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { target, count in
      unsafe bytes.withUnsafeBytes { source in
        let source = unsafe UnsafeRawBufferPointer(rebasing: source[range])
        let target = unsafe UnsafeMutableRawBufferPointer(
          rebasing: UnsafeMutableRawBufferPointer(target)[..<byteCount])
        count = unsafe decompress(source, into: target) == byteCount ? byteCount : 0
      }
    }
    guard page.count == byteCount else {
      throw .malformed("a page that \(codec) cannot decompress")
    }
    return PageInput(page)
  }

  /// Returns how many bytes were made; nil when the codec refuses. No codec writes beyond
  /// `target`, whatever its input: each is told the target's size.
  private func decompress(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) -> Int? {
    switch codec {
    case .uncompressed:
      preconditionFailure("a page without compression is read where it lies")
    case .snappy:
      var byteCount = target.count
      let status = unsafe snappy_uncompress(
        source.assumingMemoryBound(to: CChar.self).baseAddress, source.count,
        target.assumingMemoryBound(to: CChar.self).baseAddress, &byteCount)
      return status == SNAPPY_OK ? byteCount : nil
    case .zstd:
      let code = unsafe ZSTD_decompressDCtx(
        context, target.baseAddress, target.count, source.baseAddress, source.count)
      return ZSTD_isError(code) == 0 ? code : nil
    case .lz4Raw:
      let byteCount = unsafe LZ4_decompress_safe(
        source.assumingMemoryBound(to: CChar.self).baseAddress,
        target.assumingMemoryBound(to: CChar.self).baseAddress,
        Int32(source.count), Int32(target.count))
      return byteCount >= 0 ? Int(byteCount) : nil
    }
  }
}

extension Codec {
  /// No byte of input can stand for more bytes of output than this.
  fileprivate var expansionMax: Int {
    switch self {
    case .uncompressed: 1
    // A copy of 64 bytes takes 3 (format_description.txt, 2.2.2).
    case .snappy: 22
    // A block of at most 128 KiB takes at least 4 bytes (RFC 8878, 3.1.1.2).
    case .zstd: 1 << 15
    // A byte of match length adds 255 (lz4_Block_format.md).
    case .lz4Raw: 255
    }
  }
}
