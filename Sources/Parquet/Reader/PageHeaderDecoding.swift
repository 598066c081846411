/// The Thrift `PageHeader` before every page.
struct DecodedPageHeader {
  /// What only data pages of version 2 say.
  struct Version2 {
    let nullCount: Int
    let rowCount: Int
    let definitionByteCount: Int
    let repetitionByteCount: Int
    /// Of the values; levels never are.
    let isCompressed: Bool
  }

  let type: PageType
  let byteCount: Int
  let compressedByteCount: Int
  /// Entries of a data page (of a flat column, rows), entries of a dictionary page.
  let valueCount: Int
  let encoding: Encoding
  /// Whether definition and repetition levels are in the encoding that is no longer used. Writers
  /// say so of levels that are not there, too.
  let hasPackedLevels: (definition: Bool, repetition: Bool)
  let version2: Version2?
}

/// Decodes page headers. The counterpart of `PageHeader`.
enum PageHeaderDecoding {
  static func read(
    from input: inout ThriftCompactReader
  ) throws(ParquetError) -> DecodedPageHeader {
    var (type, byteCount, compressedByteCount): (Int32?, Int32?, Int32?) = (nil, nil, nil)
    var (data, dictionary, dataV2): (Body?, Body?, Body?) = (nil, nil, nil)
    var previous = 0
    while let field = try input.nextField(after: &previous) {
      switch field.number {
      case 1: type = try input.readInt32(field)
      case 2: byteCount = try input.readInt32(field)
      case 3: compressedByteCount = try input.readInt32(field)
      case 5: data = try readBody(field, .data, from: &input)
      case 7: dictionary = try readBody(field, .dictionary, from: &input)
      case 8: dataV2 = try readVersion2(field, from: &input)
      // 4 is a checksum that nothing of ours writes.
      default: try input.skip(field)
      }
    }
    guard let type, let byteCount, byteCount >= 0, let compressedByteCount,
      compressedByteCount >= 0
    else { throw input.malformed("a page header without type or sizes") }
    guard let type = PageType(rawValue: type) else {
      throw .unsupported("pages of type \(type)")
    }
    let bodies: [PageType: Body?] = [.data: data, .dictionary: dictionary, .dataV2: dataV2]
    guard let body = bodies[type] ?? nil else {
      throw input.malformed("a page header without its part for a \(type) page")
    }
    return DecodedPageHeader(
      type: type, byteCount: Int(byteCount), compressedByteCount: Int(compressedByteCount),
      valueCount: body.valueCount, encoding: body.encoding,
      hasPackedLevels: body.hasPackedLevels, version2: body.version2)
  }

  /// What the headers of the three kinds of pages have in common.
  private struct Body {
    let valueCount: Int
    let encoding: Encoding
    var hasPackedLevels = (definition: false, repetition: false)
    var version2: DecodedPageHeader.Version2?

    init(
      _ valueCount: Int32?, _ encoding: Int32?, _ input: ThriftCompactReader
    ) throws(ParquetError) {
      guard let valueCount, valueCount >= 0, let encoding else {
        throw input.malformed("a page header without count or encoding")
      }
      guard let encoding = Encoding(rawValue: encoding) else {
        throw .unsupported("pages in encoding \(encoding)")
      }
      self.valueCount = Int(valueCount)
      // One thing with two names (Encodings.md, "Dictionary Encoding").
      self.encoding = encoding == .plainDictionary ? .dictionary : encoding
    }
  }

  /// `DataPageHeader` and `DictionaryPageHeader`.
  private static func readBody(
    _ field: ThriftCompactReader.Field, _ type: PageType, from input: inout ThriftCompactReader
  ) throws(ParquetError) -> Body {
    try input.requireStruct(field)
    var (valueCount, encoding): (Int32?, Int32?) = (nil, nil)
    var hasPackedLevels = (definition: false, repetition: false)
    var previous = 0
    while let member = try input.nextField(after: &previous) {
      switch member.number {
      case 1: valueCount = try input.readInt32(member)
      case 2: encoding = try input.readInt32(member)
      case 3 where type == .data: hasPackedLevels.definition = try isPacked(member, &input)
      case 4 where type == .data: hasPackedLevels.repetition = try isPacked(member, &input)
      default: try input.skip(member)
      }
    }
    var body = try Body(valueCount, encoding, input)
    body.hasPackedLevels = hasPackedLevels
    return body
  }

  private static func isPacked(
    _ member: ThriftCompactReader.Field, _ input: inout ThriftCompactReader
  ) throws(ParquetError) -> Bool {
    switch Encoding(rawValue: try input.readInt32(member)) {
    case .runLength: return false
    case .bitPacked: return true
    default: throw .unsupported("levels that are not run lengths")
    }
  }

  /// `DataPageHeaderV2`.
  private static func readVersion2(
    _ field: ThriftCompactReader.Field, from input: inout ThriftCompactReader
  ) throws(ParquetError) -> Body {
    try input.requireStruct(field)
    var (valueCount, encoding): (Int32?, Int32?) = (nil, nil)
    var (nullCount, rowCount): (Int32, Int32) = (0, 0)
    var (definition, repetition): (Int32, Int32) = (0, 0)
    var isCompressed = true
    var previous = 0
    while let member = try input.nextField(after: &previous) {
      switch member.number {
      case 1: valueCount = try input.readInt32(member)
      case 2: nullCount = try input.readInt32(member)
      case 3: rowCount = try input.readInt32(member)
      case 4: encoding = try input.readInt32(member)
      case 5: definition = try input.readInt32(member)
      case 6: repetition = try input.readInt32(member)
      case 7: isCompressed = try input.readBoolean(member)
      default: try input.skip(member)
      }
    }
    guard nullCount >= 0, rowCount >= 0, definition >= 0, repetition >= 0 else {
      throw input.malformed("a page header with a count below zero")
    }
    var body = try Body(valueCount, encoding, input)
    body.version2 = DecodedPageHeader.Version2(
      nullCount: Int(nullCount), rowCount: Int(rowCount), definitionByteCount: Int(definition),
      repetitionByteCount: Int(repetition), isCompressed: isCompressed)
    return body
  }
}
