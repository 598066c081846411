/// The Thrift `PageHeader` before every page.
///
/// Data pages are version 1: every reader takes them, with any encoding, and their definition
/// levels are compressed together with the values, which for mostly present columns is smaller
/// than the uncompressed levels of version 2. What version 2 adds (levels without decompression,
/// uncompressed fallback) none of our readers use.
enum PageHeader {
  static func data(
    valueCount: Int, encoding: Encoding, byteCount: Int, compressedByteCount: Int
  ) -> [UInt8] {
    var writer = header(.data, byteCount: byteCount, compressedByteCount: compressedByteCount)
    writer.beginStruct(5)  // data_page_header
    writer.write(1, int32: Int32(valueCount))
    writer.write(2, int32: encoding.rawValue)
    writer.write(3, int32: Encoding.runLength.rawValue)  // definition levels
    writer.write(4, int32: Encoding.runLength.rawValue)  // repetition levels
    writer.endStruct()
    return writer.finish()
  }

  static func dictionary(
    entryCount: Int, byteCount: Int, compressedByteCount: Int
  ) -> [UInt8] {
    var writer = header(.dictionary, byteCount: byteCount, compressedByteCount: compressedByteCount)
    writer.beginStruct(7)  // dictionary_page_header
    writer.write(1, int32: Int32(entryCount))
    writer.write(2, int32: Encoding.plain.rawValue)
    writer.endStruct()
    return writer.finish()
  }

  private static func header(
    _ type: PageType, byteCount: Int, compressedByteCount: Int
  ) -> ThriftCompactWriter {
    precondition(byteCount <= Int(Int32.max), "a page is smaller than 2 GiB")
    var writer = ThriftCompactWriter()
    writer.write(1, int32: type.rawValue)
    writer.write(2, int32: Int32(byteCount))
    writer.write(3, int32: Int32(compressedByteCount))
    return writer
  }
}
