package import Base

/// A file that is part of a table, as the table's log has it.
package struct LiveFile: Sendable, Equatable {
  /// Relative to the table's folder, as it is on disk; of another program's file it may be an
  /// absolute path or a URI (see `isInTable`).
  package let path: String
  /// As the action writes it: percent-encoded.
  package let encodedPath: String
  package let partitionValues: PartitionValues
  package let byteCount: Int64
  package let modificationTimeMillis: Int64
  /// The commit that named it, or the log checkpoint by which we know of it.
  package let version: Int64
  /// Nil where the statistics do not say.
  package let rowCount: Int64?
  /// XXHash64 of `path`.
  package let pathHash: UInt64
  let texts: TextBlocks.Place

  /// Whether the file lies below the table's folder: others are none of our business.
  package var isInTable: Bool { DeltaPath.isInTable(path) }

  /// The action that takes the file out of the table (PROTOCOL.md, "Add File and Remove File").
  /// - Parameter changesRows: false where the rows are in files that the same commit adds.
  package func removal(atMillis deletionTimestamp: Int64, changesRows: Bool) -> JSONValue {
    [
      "remove": [
        "path": .string(encodedPath), "deletionTimestamp": .int(deletionTimestamp),
        "dataChange": .bool(changesRows), "extendedFileMetadata": true,
        "partitionValues": partitionValues.json, "size": .int(byteCount),
      ]
    ]
  }
}

/// A file that was part of a table, and which readers of an older version may still need.
package struct Tombstone: Sendable, Equatable {
  /// As of `LiveFile`.
  package let path: String
  package let encodedPath: String
  /// Nil where the action does not say; it is then long expired (Spark counts it from 1970).
  package let deletionTimeMillis: Int64?
  /// Nil where the action does not say.
  package let byteCount: Int64?
  /// Nil where the action does not say.
  package let partitionValues: PartitionValues?
  /// The commit that took the file out, or the log checkpoint by which we know of that.
  package let version: Int64

  /// Whether the file lies below the table's folder: others are none of our business.
  package var isInTable: Bool { DeltaPath.isInTable(path) }

  /// Whether it is older than the table's `deletedFileRetention`.
  package func isExpired(atMillis now: Int64, retentionMillis: Int64) -> Bool {
    (deletionTimeMillis ?? 0) < now &- retentionMillis
  }
}

/// The values of a table's partition columns for one file; nil is null.
package struct PartitionValues: Sendable, Equatable, Hashable {
  /// One column's; nil is null.
  package struct Value: Sendable, Equatable, Hashable {
    package let column: String
    package let text: String?
  }

  package let values: [Value]

  package init(_ values: [(column: String, text: String?)]) {
    self.values = values.map { Value(column: $0.column, text: $0.text) }
  }

  /// From the member `partitionValues` of an action; nil where it is no object of texts.
  init?(_ json: JSONValue) {
    guard let members = json.members else { return nil }
    var values: [(column: String, text: String?)] = []
    for member in members {
      guard member.value.isNull || member.value.stringValue != nil else { return nil }
      values.append((member.name, member.value.stringValue))
    }
    self.init(values)
  }

  /// The text of a column's value; nil where it is null, or no partition column.
  package subscript(column: String) -> String? {
    values.first { $0.column == column }?.text
  }

  /// Whether another says the same, in whatever order.
  package func says(_ other: PartitionValues) -> Bool {
    values.count == other.values.count && values.allSatisfy { other[$0.column] == $0.text }
  }

  package var json: JSONValue {
    .object(values.map { JSONMember($0.column, .optional($0.text)) })
  }
}

extension DeltaPath {
  /// Whether a decoded path is relative and stays below the folder it is relative to.
  static func isInTable(_ path: String) -> Bool {
    if path.isEmpty || path.utf8.contains(0) { return false }
    let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    // A scheme has its colon before the first slash.
    if parts[0].isEmpty || parts[0].contains(UInt8(ascii: ":")) { return false }
    return parts.allSatisfy {
      !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8)
    }
  }
}
