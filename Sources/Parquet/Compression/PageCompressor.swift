import CLz4
import CSnappy
import CZstd

/// Compresses pages; owns the zstd context, which is reused for every page of a file.
///
/// The codecs cannot fail on memory they were given in the right size, so a failure is our bug or
/// the machine out of memory, and stops the program.
///
/// **Invariants:** the context, if there is one, is freed exactly once.
@safe struct PageCompressor: ~Copyable {
  private let compression: Compression
  private let context: OpaquePointer?
  /// The last page's compressed bytes are the first `compressedByteCount` of it.
  private var buffer: [UInt8] = []

  init(_ compression: Compression) {
    self.compression = compression
    guard case .zstd(let level) = compression else {
      unsafe context = nil
      return
    }
    guard let created = unsafe ZSTD_createCCtx() else {
      preconditionFailure("zstd cannot allocate a compression context: out of memory")
    }
    let code = unsafe ZSTD_CCtx_setParameter(created, ZSTD_c_compressionLevel, level)
    precondition(ZSTD_isError(code) == 0, "zstd takes every compression level, clamping it")
    unsafe context = created
  }

  deinit { _ = unsafe ZSTD_freeCCtx(context) }

  /// Appends `header(compressedByteCount)` and then the compressed page to `output`.
  mutating func append(
    _ page: PageBuffer, to output: inout [UInt8], header: (_ compressedByteCount: Int) -> [UInt8]
  ) {
    if compression == .none {
      output.append(contentsOf: header(page.count))
      output.append(contentsOf: page.bytes)
      return
    }
    let bound = byteCountMax(of: page.count)
    if buffer.count < bound {
      buffer = [UInt8](repeating: 0, count: bound + bound / 4)
    }
    let compressedByteCount = compress(page.bytes)
    output.append(contentsOf: header(compressedByteCount))
    output.append(contentsOf: buffer[..<compressedByteCount])
  }

  private func byteCountMax(of byteCount: Int) -> Int {
    switch compression {
    case .none: byteCount
    case .snappy: snappy_max_compressed_length(byteCount)
    case .zstd: ZSTD_compressBound(byteCount)
    case .lz4: Int(LZ4_compressBound(Int32(byteCount)))
    }
  }

  private mutating func compress(_ bytes: [UInt8]) -> Int {
    unsafe buffer.withUnsafeMutableBytes { target in
      unsafe bytes.withUnsafeBytes { source in
        switch compression {
        case .none:
          preconditionFailure("an uncompressed page is appended as it is")
        case .snappy:
          return unsafe Self.snappy(source, into: target)
        case .zstd:
          let code = unsafe ZSTD_compress2(
            context, target.baseAddress, target.count, source.baseAddress, source.count)
          precondition(ZSTD_isError(code) == 0, "zstd compresses into a buffer of its own bound")
          return code
        case .lz4:
          return unsafe Self.lz4(source, into: target)
        }
      }
    }
  }

  private static func snappy(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) -> Int {
    var byteCount = target.count
    let status = unsafe snappy_compress(
      source.assumingMemoryBound(to: CChar.self).baseAddress, source.count,
      target.assumingMemoryBound(to: CChar.self).baseAddress, &byteCount)
    precondition(status == SNAPPY_OK, "snappy compresses into a buffer of its own bound")
    return byteCount
  }

  private static func lz4(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) -> Int {
    let byteCount = unsafe LZ4_compress_default(
      source.assumingMemoryBound(to: CChar.self).baseAddress,
      target.assumingMemoryBound(to: CChar.self).baseAddress,
      Int32(source.count), Int32(target.count))
    precondition(byteCount > 0, "lz4 compresses into a buffer of its own bound")
    return Int(byteCount)
  }
}
