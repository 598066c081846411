import Telemetry

/// A path of a mapping, resolved against the message type: every step a field.
struct FieldPath {
  var fields: [MessageField]
  /// How many of the first fields lead to the row's message; 0 for a field of the record.
  var rowDepth: Int

  var isInRow: Bool { rowDepth > 0 }
  var leaf: MessageField { fields[fields.count - 1] }
  var numbers: [UInt32] { fields.map(\.number) }
}

/// Why a path leads nowhere.
struct FieldPathError: Error {
  var problem: String
  var suggestion: String?
}

extension FieldPath {
  /// Follows `path` from `type`. The only repeated message it may pass through is that at `rows`.
  init(_ path: String, from type: MessageType, rows: [String]) throws(FieldPathError) {
    let names = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    var fields: [MessageField] = []
    var rowDepth = 0
    var scope = type
    for (index, name) in names.enumerated() {
      guard let fieldIndex = scope.fieldIndex(named: name) else {
        let known = (0..<scope.fieldCount).map { scope.field(at: $0).name }
        throw FieldPathError(
          problem: "\(scope.name) has no field \"\(name)\"",
          suggestion: Spelling.suggestion(for: name, among: known))
      }
      let field = scope.field(at: fieldIndex)
      fields.append(field)
      let isRows = Array(names[...index]) == rows
      if field.isRepeated && !isRows {
        throw FieldPathError(
          problem: "\(names[...index].joined(separator: ".")) is repeated, so it has no one value",
          suggestion: field.messageType == nil
            ? nil : "to make each element a reading, name it in rows")
      }
      if isRows { rowDepth = index + 1 }
      guard index + 1 < names.count else { break }
      guard let next = field.messageType, field.type != .group else {
        throw FieldPathError(
          problem: "\(scope.name).\(name) is a \(field.typeName), so it has no field "
            + "\"\(names[index + 1])\"")
      }
      scope = next
    }
    self.init(fields: fields, rowDepth: rowDepth)
  }
}

extension MessageField {
  /// How a number of this type is read; nil if it is no number.
  var numericKind: StructMember.Kind? {
    switch type {
    case .int32, .sint32, .sfixed32: .int32
    case .uint32, .fixed32: .uint32
    case .int64, .sint64, .sfixed64: .int64
    case .uint64, .fixed64: .uint64
    case .float: .float
    case .double: .double
    case .bool: .boolean
    case .enumeration, .string, .bytes, .message, .group: nil
    }
  }
}

extension StructMember.Kind {
  var isInteger: Bool {
    switch self {
    case .int32, .uint32, .int64, .uint64: true
    case .float, .double, .boolean, .string: false
    }
  }

  /// The column a metric of this kind makes (docs/ARCHITECTURE.md, "Types"); nil for a string.
  var metricType: MetricType? {
    switch self {
    case .int32: .int32
    case .uint32, .int64, .uint64: .int64
    case .float: .float
    case .double: .double
    case .boolean: .boolean
    case .string: nil
    }
  }
}
