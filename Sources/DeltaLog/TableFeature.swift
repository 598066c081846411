package import Base

/// A feature of Delta tables that this program does not honour, and what a person does about it.
///
/// What we make is of reader version 1 and writer version 2: tables may be append-only, which we
/// heed, and columns may have invariants, which we refuse. Other programs may add more. What only
/// writers must heed, and only where the table's metaData asks for it, does no harm while that does
/// not; everything else is refused before anything is written.
///
/// Source: PROTOCOL.md, "Valid Feature Names in Table Features" and "Writer Version Requirements".
package struct TableFeature: Equatable, Sendable {
  /// As a protocol action names it.
  package let name: String
  /// What it makes of a table, for people.
  let meaning: String
  /// How it is undone; nil where no program can.
  let remedy: String?

  /// In words: which, what, and the way out.
  ///
  /// - Parameter table: as SQL names it.
  func sentence(table: String) -> String {
    let way =
      remedy.map { $0.replacing("{table}", with: table) }
      ?? "it cannot be taken off a table again, so restore \(table) from before, or go on in "
        + "another storage.root"
    return "\(name) (\(meaning)): \(way)"
  }
}

extension TableProtocol {
  /// What is asked of us and not done.
  ///
  /// - Parameter metaData: the body of the table's newest metaData action.
  package func obstacles(metaData: JSONValue?) -> [TableFeature] {
    let facts = MetaDataFacts(metaData)
    return asked.compactMap { name in
      if let rule = WriterRule.known.first(where: { $0.name == name }),
        !needsReader(of: name)
      {
        return rule.obstacle(facts)
      }
      return TableFeature.refused(name)
    }
  }

  /// Whether the versions are ones that we can judge.
  var isKnown: Bool { (...3).contains(minReaderVersion) && (...7).contains(minWriterVersion) }

  /// A feature that readers must know as well, by name.
  private func needsReader(of name: String) -> Bool {
    minReaderVersion == 3 && name == "columnMapping"
  }

  /// The features by name; those that the older versions stand for among them.
  private var asked: [String] {
    var names = minWriterVersion == 7 ? Set(features) : []
    if minWriterVersion < 7 {
      for rule in WriterRule.known where (rule.sinceWriterVersion ?? .max) <= minWriterVersion {
        names.insert(rule.name)
      }
    }
    if minReaderVersion == 2 { names.insert("columnMapping") }
    if minReaderVersion == 3 { names.formUnion(features) }
    return names.sorted()
  }
}

/// What a table's metaData says that features hang on.
private struct MetaDataFacts {
  /// Keys with values.
  var properties: [JSONMember] = []
  /// Names of columns, each with a key of its metadata.
  var columnKeys: [(column: String, key: String)] = []

  init(_ metaData: JSONValue?) {
    properties = metaData?["configuration"]?.members ?? []
    let text = metaData?["schemaString"]?.stringValue ?? ""
    collect((try? JSONValue(parsing: text)) ?? .null, at: "", depth: 0)
  }

  private mutating func collect(_ type: JSONValue, at path: String, depth: Int) {
    // Deeper than any engine goes; `JSONValue` bounds it as well.
    if depth > 100 { return }
    for field in type["fields"]?.arrayValue ?? [] {
      let name = path + (field["name"]?.stringValue ?? "")
      columnKeys += (field["metadata"]?.members ?? []).map { (name, $0.name) }
      collect(field["type"] ?? .null, at: name + ".", depth: depth + 1)
    }
    for key in ["elementType", "keyType", "valueType"] {
      if let inner = type[key] { collect(inner, at: path, depth: depth + 1) }
    }
  }

  func isOn(_ property: String) -> Bool {
    properties.first { $0.name == property }?.value.stringValue?.lowercased() == "true"
  }

  /// Columns with a key that begins so.
  func columns(with key: String) -> [String] {
    var columns: [String] = []
    for found in columnKeys where found.key.hasPrefix(key) && !columns.contains(found.column) {
      columns.append(found.column)
    }
    return columns
  }
}

/// A feature that asks nothing of a writer for as long as the metaData does not use it.
private struct WriterRule {
  let name: String
  /// The writer version from which on it is meant without being named; nil for newer ones.
  var sinceWriterVersion: Int64?
  /// What is used of it; nil where nothing is.
  let obstacle: @Sendable (MetaDataFacts) -> TableFeature?

  static let known: [WriterRule] = [
    // Nothing we do is against it: see `RetentionStep` and `MaintenanceConflict.appendOnly`.
    WriterRule(name: "appendOnly", sinceWriterVersion: 2) { _ in nil },
    columns(
      "invariants", 2, "delta.invariants", "expressions that every row must meet",
      "write the schema without delta.invariants in the metadata of"),
    WriterRule(name: "checkConstraints", sinceWriterVersion: 3) { facts in
      let prefix = "delta.constraints."
      let names = facts.properties.map(\.name).filter { $0.hasPrefix(prefix) }
        .map { $0.dropFirst(prefix.count) }
      if names.isEmpty { return nil }
      return TableFeature(
        name: "checkConstraints", meaning: "expressions that every row must meet",
        remedy: names.map { "ALTER TABLE {table} DROP CONSTRAINT \($0)" }
          .joined(separator: ", "))
    },
    property(
      "changeDataFeed", 4, "delta.enableChangeDataFeed",
      "writers keep each change beside the rows"),
    columns(
      "generatedColumns", 4, "delta.generationExpression", "columns that writers compute", nil),
    WriterRule(name: "columnMapping", sinceWriterVersion: 5) { facts in
      let mode = facts.properties.first { $0.name == "delta.columnMapping.mode" }?.value.stringValue
      return mode == nil || mode == "none" ? nil : TableFeature.refused("columnMapping")
    },
    columns("identityColumns", 6, "delta.identity.", "columns that writers number", nil),
    columns(
      "allowColumnDefaults", nil, "CURRENT_DEFAULT", "values that writers fill in",
      "ALTER TABLE {table} ALTER COLUMN … DROP DEFAULT for"),
    property(
      "inCommitTimestamp", nil, "delta.enableInCommitTimestamps", "commits carry their own times"),
    property(
      "icebergCompatV1", nil, "delta.enableIcebergCompatV1", "files that Iceberg reads as well"),
    property(
      "icebergCompatV2", nil, "delta.enableIcebergCompatV2", "files that Iceberg reads as well"),
    property(
      "icebergCompatV3", nil, "delta.enableIcebergCompatV3", "files that Iceberg reads as well"),
  ]

  private static func property(
    _ name: String, _ version: Int64?, _ key: String, _ meaning: String
  ) -> WriterRule {
    WriterRule(name: name, sinceWriterVersion: version) { facts in
      guard facts.isOn(key) else { return nil }
      return TableFeature(
        name: name, meaning: meaning,
        remedy: "ALTER TABLE {table} SET TBLPROPERTIES ('\(key)' = 'false')")
    }
  }

  /// - Parameter remedy: stands before the names of the columns.
  private static func columns(
    _ name: String, _ version: Int64?, _ key: String, _ meaning: String, _ remedy: String?
  ) -> WriterRule {
    WriterRule(name: name, sinceWriterVersion: version) { facts in
      let columns = facts.columns(with: key)
      if columns.isEmpty { return nil }
      let names = columns.joined(separator: ", ")
      return TableFeature(
        name: name, meaning: "\(meaning): \(names)", remedy: remedy.map { "\($0) \(names)" })
    }
  }
}

extension TableFeature {
  /// A feature that is refused wherever it is named.
  fileprivate static func refused(_ name: String) -> TableFeature {
    let plain = name.hasSuffix("-preview") ? String(name.dropLast("-preview".count)) : name
    guard let known = always.first(where: { $0.name == plain || $0.name == name }) else {
      return TableFeature(
        name: name, meaning: "this release does not know it", remedy: dropped(name))
    }
    return TableFeature(
      name: name, meaning: known.meaning, remedy: known.remedy.map { $0 + dropped(name) })
  }

  private static func dropped(_ name: String) -> String {
    "ALTER TABLE {table} DROP FEATURE \(name) TRUNCATE HISTORY"
  }

  /// The remedy is what comes before the feature is dropped; nil of what Delta does not drop.
  private static let always: [TableFeature] = [
    TableFeature(
      name: "deletionVectors", meaning: "rows are deleted by bitmaps beside the files",
      remedy: off("delta.enableDeletionVectors")),
    TableFeature(
      name: "columnMapping", meaning: "columns have other names in the files",
      remedy: set("delta.columnMapping.mode", "none")),
    TableFeature(
      name: "v2Checkpoint", meaning: "log checkpoints of the second kind",
      remedy: set("delta.checkpointPolicy", "classic")),
    TableFeature(
      name: "timestampNtz", meaning: "columns of times without a zone", remedy: nil),
    TableFeature(
      name: "typeWidening", meaning: "columns have changed their types",
      remedy: off("delta.enableTypeWidening")),
    TableFeature(
      name: "rowTracking", meaning: "every row has a number",
      remedy: off("delta.enableRowTracking")),
    TableFeature(
      name: "clustering", meaning: "rows are clustered by columns that the log names", remedy: nil),
    TableFeature(name: "domainMetadata", meaning: "the log carries settings by domain", remedy: ""),
    TableFeature(
      name: "catalogManaged", meaning: "a catalog decides about commits, and not the log's folder",
      remedy: ""),
    TableFeature(
      name: "coordinatedCommits", meaning: "a coordinator decides about commits", remedy: ""),
    TableFeature(
      name: "vacuumProtocolCheck", meaning: "readers must know a rule about VACUUM", remedy: ""),
    TableFeature(
      name: "checkpointProtection", meaning: "old commits must not be cleaned up", remedy: ""),
    TableFeature(
      name: "materializePartitionColumns", meaning: "files hold the partition columns", remedy: ""),
    TableFeature(name: "variantType", meaning: "columns of any shape", remedy: nil),
    TableFeature(name: "variantShredding", meaning: "columns of any shape, in parts", remedy: nil),
    TableFeature(name: "geospatial", meaning: "columns of places", remedy: nil),
  ]

  private static func off(_ property: String) -> String { set(property, "false") }

  private static func set(_ property: String, _ value: String) -> String {
    "ALTER TABLE {table} SET TBLPROPERTIES ('\(property)' = '\(value)'), then "
  }
}
