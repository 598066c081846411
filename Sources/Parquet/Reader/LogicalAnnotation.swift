/// The Thrift union `LogicalType`, as far as it tells apart what can be read.
enum LogicalAnnotation: Equatable {
  case text
  case map
  case list
  case date
  case timestampMicros
  /// Fits the signed integer of its physical type.
  case integer
  case other

  static func read(
    _ field: ThriftCompactReader.Field, from input: inout ThriftCompactReader
  ) throws(ParquetError) -> LogicalAnnotation {
    try input.requireStruct(field)
    var type = LogicalAnnotation.other
    var previous = 0
    // A union: a struct of one field.
    while let variant = try input.nextField(after: &previous) {
      switch variant.number {
      case 8: type = try readTimestamp(variant, from: &input)
      case 10: type = try readInteger(variant, from: &input)
      default:
        type = simple[variant.number] ?? .other
        try input.skip(variant)
      }
    }
    return type
  }

  /// STRING, MAP, LIST, ENUM, DATE, JSON.
  private static let simple: [Int: LogicalAnnotation] = [
    1: .text, 2: .map, 3: .list, 4: .text, 6: .date, 12: .text,
  ]

  private static func readTimestamp(
    _ field: ThriftCompactReader.Field, from input: inout ThriftCompactReader
  ) throws(ParquetError) -> LogicalAnnotation {
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

  private static func readInteger(
    _ field: ThriftCompactReader.Field, from input: inout ThriftCompactReader
  ) throws(ParquetError) -> LogicalAnnotation {
    try input.requireStruct(field)
    var isSigned = false
    var previous = 0
    while let member = try input.nextField(after: &previous) {
      switch member.number {
      case 2: isSigned = try input.readBoolean(member)
      default: try input.skip(member)
      }
    }
    return isSigned ? .integer : .other
  }
}

extension ParquetType {
  /// The type of a leaf; nil where it has values that no type of ours stands for. The logical type
  /// counts where both are there, the converted type in files from before logical types.
  init?(physicalType: Int32, _ logicalType: LogicalAnnotation?, convertedType: Int32?) {
    let annotation = logicalType ?? convertedType.map { Self.annotation(convertedType: $0) }
    switch (PhysicalType(rawValue: physicalType), annotation) {
    case (.boolean, nil): self = .boolean
    case (.int32, nil), (.int32, .integer): self = .int32
    case (.int32, .date): self = .date
    case (.int64, nil), (.int64, .integer): self = .int64
    case (.int64, .timestampMicros): self = .timestampMicros
    case (.float, nil): self = .float
    case (.double, nil): self = .double
    case (.byteArray, nil): self = .binary
    case (.byteArray, .text): self = .string
    default: return nil
    }
  }

  private static func annotation(convertedType: Int32) -> LogicalAnnotation {
    switch convertedType {
    // UTF8, ENUM, JSON.
    case 0, 4, 19: .text
    case 6: .date
    case 10: .timestampMicros
    // INT_8 … INT_64.
    case 15...18: .integer
    default: .other
    }
  }
}
