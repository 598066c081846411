/// The Thrift `PageHeader` before every page, as far as the writer emits it.
struct DecodedPageHeader {
  let type: PageType
  let byteCount: Int
  let compressedByteCount: Int
  /// Rows of a data page, entries of a dictionary page.
  let valueCount: Int
  let encoding: Encoding
}

/// Decodes page headers. The counterpart of `PageHeader`.
enum PageHeaderDecoding {
  static func read(
    from input: inout ThriftCompactReader
  ) throws(ParquetError) -> DecodedPageHeader {
    var (type, byteCount, compressedByteCount): (Int32?, Int32?, Int32?) = (nil, nil, nil)
    var (data, dictionary): (Body?, Body?) = (nil, nil)
    var previous = 0
    while let field = try input.nextField(after: &previous) {
      switch field.number {
      case 1: type = try input.readInt32(field)
      case 2: byteCount = try input.readInt32(field)
      case 3: compressedByteCount = try input.readInt32(field)
      case 4: throw .unsupported("pages with checksums")
      case 5: data = try readBody(field, levelFields: 3...4, from: &input)
      case 7: dictionary = try readBody(field, levelFields: nil, from: &input)
      case 8: throw .unsupported("data pages of version 2")
      default: try input.skip(field)
      }
    }
    guard let type, let byteCount, byteCount >= 0, let compressedByteCount,
      compressedByteCount >= 0
    else { throw input.malformed("a page header without type or sizes") }
    guard let type = PageType(rawValue: type) else {
      throw .unsupported("pages of type \(type)")
    }
    guard let body = type == .data ? data : dictionary else {
      throw input.malformed("a page header without its part for a \(type) page")
    }
    return DecodedPageHeader(
      type: type, byteCount: Int(byteCount), compressedByteCount: Int(compressedByteCount),
      valueCount: body.valueCount, encoding: body.encoding)
  }

  /// What `DataPageHeader` and `DictionaryPageHeader` have in common.
  private struct Body {
    let valueCount: Int
    let encoding: Encoding
  }

  private static func readBody(
    _ field: ThriftCompactReader.Field, levelFields: ClosedRange<Int>?,
    from input: inout ThriftCompactReader
  ) throws(ParquetError) -> Body {
    try input.requireStruct(field)
    var (valueCount, encoding): (Int32?, Int32?) = (nil, nil)
    var previous = 0
    while let member = try input.nextField(after: &previous) {
      switch member.number {
      case 1: valueCount = try input.readInt32(member)
      case 2: encoding = try input.readInt32(member)
      case _ where levelFields?.contains(member.number) == true:
        guard try input.readInt32(member) == Encoding.runLength.rawValue else {
          throw .unsupported("levels that are not run lengths")
        }
      default: try input.skip(member)
      }
    }
    guard let valueCount, valueCount >= 0, let encoding else {
      throw input.malformed("a page header without count or encoding")
    }
    guard let encoding = Encoding(rawValue: encoding) else {
      throw .unsupported("pages in encoding \(encoding)")
    }
    return Body(valueCount: Int(valueCount), encoding: encoding)
  }
}
