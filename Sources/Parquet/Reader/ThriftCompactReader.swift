import Base

/// Reads Thrift structs in the compact protocol, as far as Parquet's metadata needs it. The
/// counterpart of `ThriftCompactWriter`; nothing here trusts a byte.
///
///     var previous = 0
///     while let field = try input.nextField(after: &previous) {
///       switch field.number {
///       case 1: count = try input.readInt32(field)
///       default: try input.skip(field)
///       }
///     }
///
/// Fields must ascend, as every writer of Parquet has them, so that none comes twice.
struct ThriftCompactReader {
  /// Type nibbles of the compact protocol. Parquet's metadata has neither sets nor maps.
  enum WireType: UInt8 {
    case booleanTrue = 1
    case booleanFalse = 2
    case int8 = 3
    case int16 = 4
    case int32 = 5
    case int64 = 6
    case double = 7
    case binary = 8
    case list = 9
    case structure = 12
  }

  struct Field {
    let number: Int
    let type: WireType
  }

  /// Parquet's metadata nests six deep; a skipped field may, too.
  private static let depthMax = 16

  private var input: ByteReader
  /// The position in the file of the first of the bytes.
  private let origin: Int

  init(_ bytes: [UInt8], from start: Int = 0, origin: Int) {
    input = ByteReader(bytes, from: start)
    self.origin = origin
  }

  /// Index of the next byte to read.
  var position: Int { input.filePosition }
  var isAtEnd: Bool { input.isAtEnd }

  func malformed(_ what: String) -> ParquetError {
    .malformed(what, filePosition: origin + input.filePosition)
  }

  /// The next field of the struct, or nil at its end.
  mutating func nextField(after previous: inout Int) throws(ParquetError) -> Field? {
    let header = try readByte()
    if header == 0 { return nil }
    guard let type = WireType(rawValue: header & 0x0F) else {
      throw malformed("a Thrift field of type \(header & 0x0F)")
    }
    let number = header >> 4 == 0 ? try readZigzag() : Int64(previous) + Int64(header >> 4)
    guard number > previous, number <= Int64(Int16.max) else {
      throw malformed("Thrift field \(number) after field \(previous)")
    }
    previous = Int(number)
    return Field(number: previous, type: type)
  }

  mutating func readInt32(_ field: Field) throws(ParquetError) -> Int32 {
    try require(.int32, field)
    return try readElementInt32()
  }

  mutating func readElementInt32() throws(ParquetError) -> Int32 {
    guard let value = Int32(exactly: try readZigzag()) else {
      throw malformed("a 32-bit integer of more bits")
    }
    return value
  }

  /// Reads a 64-bit count, size or position: not negative.
  mutating func readCount(_ field: Field) throws(ParquetError) -> Int {
    try require(.int64, field)
    let value = try readZigzag()
    guard value >= 0 else { throw malformed("\(value) in field \(field.number), a count") }
    return Int(value)
  }

  func readBoolean(_ field: Field) throws(ParquetError) -> Bool {
    switch field.type {
    case .booleanTrue: return true
    case .booleanFalse: return false
    default: throw malformed("field \(field.number) is not a boolean")
    }
  }

  mutating func readBytes(_ field: Field) throws(ParquetError) -> [UInt8] {
    try require(.binary, field)
    return try readElementBytes()
  }

  mutating func readText(_ field: Field) throws(ParquetError) -> String {
    try require(.binary, field)
    return try readElementText()
  }

  mutating func readElementText() throws(ParquetError) -> String {
    guard let text = String(validating: try readElementBytes(), as: UTF8.self) else {
      throw malformed("text that is not UTF-8")
    }
    return text
  }

  func requireStruct(_ field: Field) throws(ParquetError) { try require(.structure, field) }

  /// Reads the head of a list and returns its length, which the bytes left over bear out: an
  /// element has at least one.
  mutating func readList(_ field: Field, of type: WireType) throws(ParquetError) -> Int {
    try require(.list, field)
    let (elementType, count) = try readListHead()
    guard elementType == type || count == 0 else {
      throw malformed("a list of \(elementType), not of \(type)")
    }
    return count
  }

  /// Reads past a field that nobody asked for.
  mutating func skip(_ field: Field) throws(ParquetError) {
    if field.type == .booleanTrue || field.type == .booleanFalse { return }
    try skip(field.type, depth: 0)
  }

  // MARK: - Parts

  private mutating func skip(_ type: WireType, depth: Int) throws(ParquetError) {
    guard depth < Self.depthMax else { throw malformed("Thrift structs nested too deep") }
    switch type {
    // Only elements of lists get here: a boolean field has no bytes of its own.
    case .booleanTrue, .booleanFalse, .int8: _ = try readByte()
    case .int16, .int32, .int64: _ = try readZigzag()
    case .double: for _ in 0..<8 { _ = try readByte() }
    case .binary: _ = try readElementBytes()
    case .list:
      let (elementType, count) = try readListHead()
      for _ in 0..<count { try skip(elementType, depth: depth + 1) }
    case .structure:
      var previous = 0
      while let field = try nextField(after: &previous) {
        if field.type != .booleanTrue && field.type != .booleanFalse {
          try skip(field.type, depth: depth + 1)
        }
      }
    }
  }

  private func require(_ type: WireType, _ field: Field) throws(ParquetError) {
    guard field.type == type else {
      throw malformed("Thrift field \(field.number) is a \(field.type), not a \(type)")
    }
  }

  private mutating func readListHead() throws(ParquetError) -> (WireType, count: Int) {
    let head = try readByte()
    guard let type = WireType(rawValue: head & 0x0F) else {
      throw malformed("a list of Thrift type \(head & 0x0F)")
    }
    if head >> 4 < 15 {
      guard Int(head >> 4) <= input.remainingByteCount else { throw truncated }
      return (type, Int(head >> 4))
    }
    do {
      return (type, try input.readCount())
    } catch {
      throw converted(error)
    }
  }

  private mutating func readByte() throws(ParquetError) -> UInt8 {
    do { return try input.readByte() } catch { throw converted(error) }
  }

  private mutating func readZigzag() throws(ParquetError) -> Int64 {
    do { return try input.readZigzag() } catch { throw converted(error) }
  }

  private mutating func readElementBytes() throws(ParquetError) -> [UInt8] {
    do { return try input.readLengthPrefixed() } catch { throw converted(error) }
  }

  private var truncated: ParquetError { malformed("Thrift metadata that breaks off") }

  private func converted(_ error: ByteReaderError) -> ParquetError {
    switch error {
    case .truncated: truncated
    case .malformed: malformed("a Thrift length beyond the metadata's end")
    }
  }
}
