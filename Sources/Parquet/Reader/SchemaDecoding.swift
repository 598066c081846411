/// The Thrift list of `SchemaElement`, the tree of columns flattened depth first: for a flat
/// schema the root and then its leaves.
enum SchemaDecoding {
  /// One node as the file has it; numbers are those of parquet.thrift.
  private struct Element {
    var physicalType: Int32?
    var repetition: Int32?
    var name = ""
    var childCount: Int32?
    var convertedType: Int32?
    var logicalType: LogicalType?
  }

  /// The logical types that the writer emits.
  private enum LogicalType {
    case string
    case date
    case timestampMicros
    case other
  }

  static func read(
    _ field: ThriftCompactReader.Field, from input: inout ThriftCompactReader
  ) throws(ParquetError) -> ParquetSchema {
    let count = try input.readList(field, of: .structure)
    guard count > 1 else { throw .unsupported("a schema without columns") }
    let root = try readElement(from: &input)
    guard let childCount = root.childCount, childCount > 0, root.physicalType == nil else {
      throw input.malformed("the root of the schema is a column")
    }
    guard Int(childCount) == count - 1 else { throw .unsupported("nested columns") }
    var columns: [ParquetColumn] = []
    var names: Set<String> = []
    for _ in 1..<count {
      let column = try column(of: readElement(from: &input), input)
      guard names.insert(column.name).inserted else {
        throw input.malformed("two columns of name '\(column.name)'")
      }
      columns.append(column)
    }
    return ParquetSchema(columns: columns)
  }

  private static func readElement(
    from input: inout ThriftCompactReader
  ) throws(ParquetError) -> Element {
    var element = Element()
    var previous = 0
    while let field = try input.nextField(after: &previous) {
      switch field.number {
      case 1: element.physicalType = try input.readInt32(field)
      case 3: element.repetition = try input.readInt32(field)
      case 4: element.name = try input.readText(field)
      case 5: element.childCount = try input.readInt32(field)
      case 6: element.convertedType = try input.readInt32(field)
      case 10: element.logicalType = try readLogicalType(field, from: &input)
      default: try input.skip(field)
      }
    }
    return element
  }

  /// A union: a struct of one field.
  private static func readLogicalType(
    _ field: ThriftCompactReader.Field, from input: inout ThriftCompactReader
  ) throws(ParquetError) -> LogicalType {
    try input.requireStruct(field)
    var type = LogicalType.other
    var previous = 0
    while let variant = try input.nextField(after: &previous) {
      switch variant.number {
      case 1:
        type = .string
        try input.skip(variant)
      case 6:
        type = .date
        try input.skip(variant)
      case 8: type = try readTimestamp(variant, from: &input)
      default: try input.skip(variant)
      }
    }
    return type
  }

  private static func readTimestamp(
    _ field: ThriftCompactReader.Field, from input: inout ThriftCompactReader
  ) throws(ParquetError) -> LogicalType {
    try input.requireStruct(field)
    var (isUTC, isMicros) = (false, false)
    var previous = 0
    while let member = try input.nextField(after: &previous) {
      switch member.number {
      case 1: isUTC = try input.readBoolean(member)
      case 2:
        try input.requireStruct(member)
        var previousUnit = 0
        while let unit = try input.nextField(after: &previousUnit) {
          isMicros = unit.number == 2
          try input.skip(unit)
        }
      default: try input.skip(member)
      }
    }
    return isUTC && isMicros ? .timestampMicros : .other
  }

  private static func column(
    of element: Element, _ input: ThriftCompactReader
  ) throws(ParquetError) -> ParquetColumn {
    guard element.childCount ?? 0 == 0, let repetition = element.repetition else {
      throw .unsupported("nested columns")
    }
    guard let repetition = Repetition(rawValue: repetition) else {
      throw .unsupported("column '\(element.name)' is repeated")
    }
    guard let type = ParquetType.allCases.first(where: { matches($0, element) }) else {
      throw .unsupported("the type of column '\(element.name)'")
    }
    return ParquetColumn(name: element.name, type: type, isOptional: repetition == .optional)
  }

  private static func matches(_ type: ParquetType, _ element: Element) -> Bool {
    let logicalType: LogicalType? =
      switch type {
      case .string: .string
      case .date: .date
      case .timestampMicros: .timestampMicros
      case .boolean, .int32, .int64, .float, .double, .binary: nil
      }
    return PhysicalType(type).rawValue == element.physicalType
      && ConvertedType(type)?.rawValue == element.convertedType
      && logicalType == element.logicalType
  }
}
