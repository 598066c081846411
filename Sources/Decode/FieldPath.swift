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
  ///
  /// - Parameter endsInMap: whether the last field may be a map.
  init(
    _ path: String, from type: MessageType, rows: [String], endsInMap: Bool = false
  ) throws(FieldPathError) {
    let names = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    var fields: [MessageField] = []
    var rowDepth = 0
    var scope = type
    for (index, name) in names.enumerated() {
      guard let field = scope.field(named: name) else {
        throw FieldPathError(
          problem: "\(scope.name) has no field \"\(name)\"",
          suggestion: Spelling.suggestion(for: name, among: scope.fields.map(\.name)))
      }
      fields.append(field)
      let isRows = Array(names[...index]) == rows
      let isLast = index + 1 == names.count
      if field.isRepeated && !isRows && !(isLast && endsInMap && field.isMap) {
        throw FieldPathError(
          problem: "\(names[...index].joined(separator: ".")) is repeated, so it has no one value",
          suggestion: Self.suggestion(forRepeated: field))
      }
      if isRows { rowDepth = index + 1 }
      if isLast { break }
      guard let next = field.messageType, field.type != .group else {
        throw FieldPathError(
          problem: "\(scope.name).\(name) is a \(field.typeName), so it has no field "
            + "\"\(names[index + 1])\"")
      }
      scope = next
    }
    self.init(fields: fields, rowDepth: rowDepth)
  }

  private static func suggestion(forRepeated field: MessageField) -> String? {
    if field.isMap { return "name a key of it, or name it in rows to make each entry a reading" }
    return field.type == .message ? "to make each element a reading, name it in rows" : nil
  }
}
