/// A leaf of the schema tree as pages see it: how its values lie, and how deep it sits.
///
/// In a flat schema the depth is 0 (required) or 1 (optional). A nested column (the maps and
/// structs of a log checkpoint) differs only here: a longer path and higher levels. A page is
/// always repetition levels, definition levels, values.
struct LeafColumn {
  /// The name of a nested column is its path, joined by dots.
  let column: ParquetColumn
  /// Names from below the root to the leaf.
  let path: [String]
  let physicalType: PhysicalType
  /// The definition level of a present value: how many optional or repeated nodes the path has.
  let definitionLevelMax: Int
  /// How many repeated nodes the path has.
  let repetitionLevelMax: Int

  init(_ column: ParquetColumn) {
    self.column = column
    path = [column.name]
    physicalType = PhysicalType(column.type)
    definitionLevelMax = column.isOptional ? 1 : 0
    repetitionLevelMax = 0
  }

  init(
    path: [String], type: ParquetType, isOptional: Bool, definitionLevelMax: Int,
    repetitionLevelMax: Int
  ) {
    column = ParquetColumn(name: path.joined(separator: "."), type: type, isOptional: isOptional)
    self.path = path
    physicalType = PhysicalType(type)
    self.definitionLevelMax = definitionLevelMax
    self.repetitionLevelMax = repetitionLevelMax
  }

  /// Whether levels are bits of presence: a column of rows that may be absent, and no more.
  var isFlat: Bool { path.count == 1 && repetitionLevelMax == 0 }
}

extension PhysicalType {
  init(_ type: ParquetType) {
    switch type {
    case .boolean: self = .boolean
    case .int32, .date: self = .int32
    case .int64, .timestampMicros: self = .int64
    case .float: self = .float
    case .double: self = .double
    case .string, .binary: self = .byteArray
    }
  }
}
