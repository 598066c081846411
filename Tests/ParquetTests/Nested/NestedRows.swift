import Base

@testable import Parquet

/// A value of a nested column as a test thinks of it, row by row.
indirect enum NestedValue: Equatable {
  case absent
  case value(ParquetValue)
  case group([NestedValue])
  case list([NestedValue])
  /// Keys and values in turn.
  case map([NestedValue])
}

/// From rows to columns and back, the simple way.
enum NestedRows {
  static func column(_ rows: [NestedValue], of field: ParquetField) -> NestedColumn {
    var validity = [UInt64](repeating: 0, count: (rows.count + 63) / 64)
    for (row, value) in rows.enumerated() where value != .absent {
      validity[row / 64] |= 1 << UInt64(row % 64)
    }
    let content: NestedColumn.Content
    switch field.content {
    case .value(let type):
      content = .values(values(rows, type))
    case .group(let fields):
      content = .group(
        fields.indices.map { index in
          column(rows.map { parts(of: $0)?[index] ?? filler(fields[index]) }, of: fields[index])
        })
    case .list(let element):
      let parts = rows.map { Self.parts(of: $0) ?? [] }
      content = .list(
        starts: starts(parts.map(\.count)), elements: column(parts.flatMap { $0 }, of: element))
    case .map(let key, let value):
      let parts = rows.map { Self.parts(of: $0) ?? [] }
      let all = parts.flatMap { $0 }
      let (keys, values) = (
        stride(from: 0, to: all.count, by: 2).map { all[$0] },
        stride(from: 1, to: all.count, by: 2).map { all[$0] })
      content = .map(
        starts: starts(parts.map { $0.count / 2 }), keys: column(keys, of: key),
        values: column(values, of: value))
    case .unreadable(let what): preconditionFailure("no rows of \(what)")
    }
    return NestedColumn(count: rows.count, validity: validity, content: content)
  }

  static func rows(_ column: NestedColumn) -> [NestedValue] {
    let slots = 0..<column.count
    let present: [NestedValue]
    switch column.content {
    case .absent: present = slots.map { _ in .absent }
    case .values:
      present = slots.map { slot in column.flat?[slot].map { .value($0) } ?? .absent }
    case .group(let columns):
      let parts = columns.map(rows)
      present = slots.map { slot in .group(parts.map { $0[slot] }) }
    case .list(_, let elements):
      let all = rows(elements)
      present = slots.map { .list(Array(all[column.elements(of: $0)])) }
    case .map(_, let keys, let values):
      let (keys, values) = (rows(keys), rows(values))
      present = slots.map { slot in
        .map(column.elements(of: slot).flatMap { [keys[$0], values[$0]] })
      }
    }
    return slots.map { column.isPresent($0) ? present[$0] : .absent }
  }

  /// What a slot below an absent group has: something, where it is required.
  private static func filler(_ field: ParquetField) -> NestedValue {
    if field.isOptional { return .absent }
    switch field.content {
    case .value(let type): return .value(RandomNested.filler(type))
    case .group(let fields): return .group(fields.map(filler))
    case .list: return .list([])
    case .map: return .map([])
    case .unreadable: return .absent
    }
  }

  private static func parts(of value: NestedValue) -> [NestedValue]? {
    switch value {
    case .group(let parts), .list(let parts), .map(let parts): parts
    case .absent, .value: nil
    }
  }

  private static func starts(_ counts: [Int]) -> [Int] {
    counts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
  }

  private static func values(_ rows: [NestedValue], _ type: ParquetType) -> ColumnValues {
    let values = rows.map { row -> ParquetValue? in
      if case .value(let value) = row { return value }
      return nil
    }
    return TestTable.Column(
      column: ParquetColumn(name: "", type: type), values: values, form: .byteStrings
    ).columnValues(values)
  }

  /// Integers and booleans as such, doubles by their bits, strings as text, binary in hexadecimal;
  /// groups as objects, lists as arrays, maps as arrays of pairs.
  static func json(_ value: NestedValue, of field: ParquetField) -> JSONValue {
    switch (value, field.content) {
    case (.absent, _): return .null
    case (.value(let value), .value(let type)): return json(value, type)
    case (.group(let parts), .group(let fields)):
      return .object(zip(fields, parts).map { JSONMember($0.name, json($1, of: $0)) })
    case (.list(let parts), .list(let element)):
      return .array(parts.map { json($0, of: element) })
    case (.map(let parts), .map(let key, let value)):
      return .array(
        stride(from: 0, to: parts.count, by: 2).map {
          .array([json(parts[$0], of: key), json(parts[$0 + 1], of: value)])
        })
    default: preconditionFailure("a value of another kind than its field")
    }
  }

  private static func json(_ value: ParquetValue, _ type: ParquetType) -> JSONValue {
    switch value {
    case .boolean(let value): return .bool(value)
    case .integer(let value): return .int(value)
    case .float(let value): return .string("\(value.bitPattern)")
    case .double(let value): return .string("\(value.bitPattern)")
    case .bytes(let bytes) where type == .string:
      return .string(String(decoding: bytes, as: UTF8.self))
    case .bytes(let bytes):
      return .string(bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
    }
  }
}

/// Random schemas and rows for them.
struct RandomNested {
  var random: SplitMix64

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

  mutating func field(_ name: String, depth: Int, isRequired: Bool = false) -> ParquetField {
    let isOptional = !isRequired && below(4) > 0
    switch depth == 0 ? 0 : below(6) {
    case 0, 1, 2:
      let types = ParquetType.allCases
      return .value(name, types[below(types.count)], isOptional: isOptional)
    case 3:
      let fields = (0...below(3)).map { field("f\($0)", depth: depth - 1) }
      return .group(name, isOptional: isOptional, fields)
    case 4:
      return ParquetField(
        name: name, isOptional: isOptional,
        content: .list(element: field("element", depth: depth - 1)))
    default:
      let key = ParquetField.value("key", below(2) == 0 ? .string : .int64, isOptional: false)
      return ParquetField(
        name: name, isOptional: isOptional,
        content: .map(key: key, value: field("value", depth: depth - 1)))
    }
  }

  mutating func value(of field: ParquetField, row: Int) -> NestedValue {
    if field.isOptional && below(4) == 0 { return .absent }
    switch field.content {
    case .value(let type): return .value(value(of: type, row: row))
    case .group(let fields): return .group(fields.map { value(of: $0, row: row) })
    case .list(let element):
      return .list((0..<below(4)).map { _ in value(of: element, row: row) })
    case .map(let key, let value):
      // Keys that differ, as maps of other programs want them.
      return .map(
        (0..<below(4)).flatMap { index in
          [self.key(of: key, index: index), self.value(of: value, row: row)]
        })
    case .unreadable: return .absent
    }
  }

  private func key(of field: ParquetField, index: Int) -> NestedValue {
    if case .value(.string) = field.content { return .value(.bytes(Array("key \(index)".utf8))) }
    return .value(.integer(Int64(index)))
  }

  private mutating func value(of type: ParquetType, row: Int) -> ParquetValue {
    switch type {
    case .boolean: .boolean(below(2) == 0)
    case .int32: .integer(Int64(Int32.random(in: .min ... .max, using: &random)))
    case .int64: .integer(below(2) == 0 ? Int64(row) : .random(in: .min ... .max, using: &random))
    case .float: .float(Float(below(100)) / 4)
    case .double: .double(Double(below(100)) / 8)
    case .string: .bytes(Array("wörd \(below(5))".utf8))
    case .binary: .bytes((0..<below(5)).map { _ in UInt8(below(256)) })
    case .timestampMicros: .integer(Int64(row) * 1_000_000)
    case .date: .integer(Int64(below(20_000)))
    }
  }

  static func filler(_ type: ParquetType) -> ParquetValue {
    switch type {
    case .boolean: .boolean(true)
    case .int32, .int64, .timestampMicros, .date: .integer(-7)
    case .float: .float(-7)
    case .double: .double(-7)
    case .string, .binary: .bytes(Array("filler".utf8))
    }
  }
}

/// A nested table and its file.
struct NestedTable {
  var fields: [ParquetField]
  /// By field, then row.
  var rows: [[NestedValue]]
  var rowGroups: [Int]
  var options: ParquetWriterOptions

  init(seed: UInt64) {
    var random = RandomNested(seed: seed)
    let compressions: [Compression] = [.none, .snappy, .zstd(level: 1), .lz4]
    fields = (0...random.below(4)).map { random.field("c\($0)", depth: 3) }
    rowGroups = (0...random.below(3)).map { _ in 1 + random.below(80) }
    options = ParquetWriterOptions(
      compression: compressions[random.below(4)], pageByteCountMax: 1 + random.below(400),
      pageRowCountMax: 1 + random.below(60), dictionaryByteCountMax: random.below(200),
      createdBy: "downlink version 1.2.3")
    let rowCount = rowGroups.reduce(0, +)
    rows = fields.map { field in (0..<rowCount).map { random.value(of: field, row: $0) } }
  }

  init(fields: [ParquetField], rows: [[NestedValue]], options: ParquetWriterOptions) {
    self.fields = fields
    self.rows = rows
    rowGroups = [rows[0].count]
    self.options = options
  }

  func file() -> [UInt8] {
    var writer = ParquetFileWriter(fields: fields, options: options)
    var bytes: [UInt8] = []
    var start = 0
    for count in rowGroups {
      writer.beginRowGroup(rowCount: count)
      for (field, values) in zip(fields, rows) {
        writer.writeField(NestedRows.column(Array(values[start..<start + count]), of: field))
      }
      writer.endRowGroup()
      bytes += writer.takeOutput()
      start += count
    }
    return bytes + writer.finish().output
  }

  /// A line of JSON for each row: an object of all fields.
  var expectation: String {
    (rows.first ?? []).indices.map { row in
      JSONValue.object(
        zip(fields, rows).map { JSONMember($0.name, NestedRows.json($1[row], of: $0)) }
      ).text + "\n"
    }.joined()
  }
}
