package import Base

/// The column types we write, under Delta's names (PROTOCOL.md, "Primitive Types").
package enum DeltaType: String, Sendable {
  /// 64-bit signed.
  case long
  /// 32-bit signed.
  case integer
  case double
  case float
  case string
  case boolean
  case binary
  /// Microseconds since the Unix epoch, adjusted to UTC.
  case timestamp
  case date
}

/// One column of a table.
package struct DeltaColumn: Equatable, Sendable {
  package let name: String
  package let type: DeltaType
  package let isNullable: Bool
  /// For people; shown by engines as the column's comment.
  package let comment: String?
  /// Whether the comment is the configuration's, which a table that is there takes over; others are
  /// given to new tables and columns, and may be changed there.
  package let isCommentConfigured: Bool
  /// The unit of measure, for people, under the column metadata's key `unit`.
  package let unit: String?

  package init(
    _ name: String, _ type: DeltaType, isNullable: Bool = true, comment: String? = nil,
    isCommentConfigured: Bool = false, unit: String? = nil
  ) {
    self.isCommentConfigured = isCommentConfigured
    self.name = name
    self.type = type
    self.isNullable = isNullable
    self.comment = comment
    self.unit = unit
  }

  /// As it stands in a schema's text (PROTOCOL.md, "Schema Serialization Format").
  var json: JSONValue {
    var metadata: [JSONMember] = []
    if let comment { metadata.append(JSONMember("comment", .string(comment))) }
    if let unit { metadata.append(JSONMember("unit", .string(unit))) }
    return [
      "name": .string(name), "type": .string(type.rawValue), "nullable": .bool(isNullable),
      "metadata": .object(metadata),
    ]
  }
}

/// A table's columns and the ones its files are partitioned by.
///
/// **Invariants:** column names are unique regardless of case (Delta demands it); every partition
/// column is a column.
package struct DeltaSchema: Equatable, Sendable {
  package let columns: [DeltaColumn]
  package let partitionColumns: [String]

  package init(columns: [DeltaColumn], partitionColumns: [String] = ["event_date"]) {
    let names = Set(columns.map { $0.name.lowercased() })
    precondition(names.count == columns.count, "column names are unique regardless of case")
    precondition(
      partitionColumns.allSatisfy { name in columns.contains { $0.name == name } },
      "a partition column is a column of the schema")
    self.columns = columns
    self.partitionColumns = partitionColumns
  }

  /// The text of `schemaString` (PROTOCOL.md, "Schema Serialization Format").
  package var schemaText: String {
    let fields = columns.map(\.json)
    let schema: JSONValue = ["type": "struct", "fields": .array(fields)]
    return schema.text
  }

  /// What two schemas must share for their files to lie in one table: see `SchemaFingerprint`.
  package var fingerprint: String {
    do {
      return try SchemaFingerprint.of(schemaText: schemaText, partitionColumns: partitionColumns)
    } catch {
      preconditionFailure("a schema of ours reads back: \(error)")
    }
  }
}

/// A hash of what matters to writers in a table's schema: names, types, nullability, Delta's own
/// column metadata, and the partition columns.
///
/// Comments and units are left out, as another engine may add some, and so is the layout of the
/// JSON text, as another engine that changes a property writes the schema anew.
package enum SchemaFingerprint {
  /// Sixteen hexadecimal digits. Errors: the schema's text is not JSON.
  package static func of(
    schemaText: String, partitionColumns: [String]
  ) throws(JSONError) -> String {
    let schema = try JSONValue(parsing: schemaText)
    var parts: [JSONValue] = [.array(partitionColumns.map { .string($0) })]
    for field in schema["fields"]?.arrayValue ?? [] {
      let reserved = (field["metadata"]?.members ?? [])
        .filter { $0.name.hasPrefix("delta.") }
        .sorted { $0.name < $1.name }
      parts.append([
        field["name"] ?? .null, field["type"] ?? .null, field["nullable"] ?? .null,
        .object(reserved),
      ])
    }
    return RandomID.hex(XXHash64.hash(JSONValue.array(parts).bytes))
  }
}
