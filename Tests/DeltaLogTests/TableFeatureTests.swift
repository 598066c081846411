import Base
import DeltaLog
import Storage
import Testing

/// What other programs may bring to a table that we cannot honour: each has a name and a way out.
@Suite struct TableFeatureTests {
  private static let plainSchema =
    #"{"type":"struct","fields":[{"name":"id","type":"long","nullable":true,"metadata":{}}]}"#

  private static func metaData(
    _ properties: [JSONMember] = [], columnKey: String? = nil, isNested: Bool = false
  ) -> JSONValue {
    let metadata: JSONValue = columnKey.map { [$0: "1"] } ?? .object([])
    let field: JSONValue = [
      "name": "id", "type": "long", "nullable": true, "metadata": metadata,
    ]
    let inner: JSONValue = ["type": "struct", "fields": .array([field])]
    let outer: JSONValue = [
      "name": "outer", "type": ["type": "array", "elementType": inner, "containsNull": true],
      "nullable": true, "metadata": .object([]),
    ]
    let schema: JSONValue = ["type": "struct", "fields": .array([isNested ? outer : field])]
    return ["schemaString": .string(schema.text), "configuration": .object(properties)]
  }

  private static func obstacles(
    reader: Int64 = 1, writer: Int64 = 7, _ features: [String] = [], _ metaData: JSONValue? = nil
  ) -> [TableFeature] {
    TableProtocol(minReaderVersion: reader, minWriterVersion: writer, features: features.sorted())
      .obstacles(metaData: metaData ?? Self.metaData())
  }

  private static func sentence(_ features: [TableFeature]) -> String {
    "\(DeltaError.unsupportedFeatures(table: "windows", version: 7, features: features))"
  }

  /// Every name of PROTOCOL.md that is refused wherever it is named, and some of Delta's own.
  @Test(arguments: [
    ("deletionVectors", "'delta.enableDeletionVectors' = 'false'"),
    ("columnMapping", "'delta.columnMapping.mode' = 'none'"),
    ("v2Checkpoint", "'delta.checkpointPolicy' = 'classic'"),
    ("typeWidening", "'delta.enableTypeWidening' = 'false'"),
    ("typeWidening-preview", "'delta.enableTypeWidening' = 'false'"),
    ("rowTracking", "'delta.enableRowTracking' = 'false'"),
    ("domainMetadata", "DROP FEATURE domainMetadata"),
    ("catalogManaged", "DROP FEATURE catalogManaged"),
    ("coordinatedCommits-preview", "DROP FEATURE coordinatedCommits-preview"),
    ("vacuumProtocolCheck", "DROP FEATURE vacuumProtocolCheck"),
    ("checkpointProtection", "DROP FEATURE checkpointProtection"),
    ("materializePartitionColumns", "DROP FEATURE materializePartitionColumns"),
    ("somethingNew", "DROP FEATURE somethingNew"),
  ])
  func `a feature that can be dropped is refused with the statements`(
    name: String, statement: String
  ) {
    for reader in [1, 3] as [Int64] {
      let found = Self.obstacles(reader: reader, [name, "appendOnly"])
      if name == "columnMapping", reader == 1 { continue }
      #expect(found.map(\.name) == [name])
      let text = Self.sentence(found)
      #expect(text.hasPrefix("table windows: since version 7 it has "))
      #expect(text.contains("ALTER TABLE windows "))
      #expect(text.contains(statement), "\(text)")
      #expect(text.hasSuffix("ALTER TABLE windows DROP FEATURE \(name) TRUNCATE HISTORY"))
      #expect(!text.contains("{table}"))
    }
  }

  @Test(arguments: [
    "timestampNtz", "clustering", "variantType", "variantType-preview", "variantShredding",
    "geospatial",
  ])
  func `a feature that no program drops is refused with another way out`(name: String) {
    let found = Self.obstacles(reader: 3, [name])
    #expect(found.map(\.name) == [name])
    let text = Self.sentence(found)
    #expect(text.contains("restore windows from before, or go on in another storage.root"))
    #expect(!text.contains("DROP FEATURE"))
  }

  @Test(arguments: [
    ("changeDataFeed", "delta.enableChangeDataFeed"),
    ("inCommitTimestamp", "delta.enableInCommitTimestamps"),
    ("icebergCompatV1", "delta.enableIcebergCompatV1"),
    ("icebergCompatV2", "delta.enableIcebergCompatV2"),
    ("icebergCompatV3", "delta.enableIcebergCompatV3"),
  ])
  func `a feature of a property is refused while that is set`(name: String, property: String) {
    for value in [nil, "false", "true"] as [String?] {
      let properties = value.map { [JSONMember(property, .string($0))] } ?? []
      let found = Self.obstacles([name], Self.metaData(properties))
      if value != "true" {
        #expect(found == [])
        continue
      }
      #expect(found.map(\.name) == [name])
      #expect(
        Self.sentence(found).hasSuffix(
          "ALTER TABLE windows SET TBLPROPERTIES ('\(property)' = 'false')"))
      // Without the feature the property means nothing.
      #expect(Self.obstacles(["appendOnly"], Self.metaData(properties)) == [])
    }
  }

  @Test(arguments: [
    ("invariants", "delta.invariants", "write the schema without delta.invariants in the"),
    ("generatedColumns", "delta.generationExpression", "go on in another storage.root"),
    ("identityColumns", "delta.identity.start", "go on in another storage.root"),
    ("allowColumnDefaults", "CURRENT_DEFAULT", "ALTER COLUMN … DROP DEFAULT for"),
  ])
  func `a feature of columns is refused while one has it, however deep it stands`(
    name: String, key: String, way: String
  ) {
    #expect(Self.obstacles([name], Self.metaData()) == [])
    for isNested in [false, true] {
      let found = Self.obstacles([name], Self.metaData(columnKey: key, isNested: isNested))
      #expect(found.map(\.name) == [name])
      let text = Self.sentence(found)
      #expect(text.contains(way))
      #expect(text.contains(isNested ? "outer.id" : ": id"), "\(text)")
    }
  }

  @Test func `constraints are refused by their names`() {
    let metaData = Self.metaData([
      JSONMember("delta.constraints.positive", "id > 0"), JSONMember("delta.appendOnly", "true"),
      JSONMember("delta.constraints.small", "id < 9"),
    ])
    let found = Self.obstacles(["checkConstraints", "appendOnly"], metaData)
    #expect(found.map(\.name) == ["checkConstraints"])
    #expect(
      Self.sentence(found).hasSuffix(
        "ALTER TABLE windows DROP CONSTRAINT positive, ALTER TABLE windows DROP CONSTRAINT small"))
  }

  /// Writer versions below 7 stand for features without naming them.
  @Test func `older versions are judged by what the table uses`() {
    for writer in 0...6 as ClosedRange<Int64> {
      #expect(Self.obstacles(writer: writer) == [])
    }
    #expect(Self.obstacles(reader: 2, writer: 5) == [])
    func names(_ writer: Int64, _ metaData: JSONValue) -> [String] {
      Self.obstacles(reader: writer > 4 ? 2 : 1, writer: writer, [], metaData).map(\.name)
    }
    let constraint = Self.metaData([JSONMember("delta.constraints.a", "id > 0")])
    #expect(names(2, constraint) == [] && names(3, constraint) == ["checkConstraints"])
    let feed = Self.metaData([JSONMember("delta.enableChangeDataFeed", "true")])
    #expect(names(3, feed) == [] && names(4, feed) == ["changeDataFeed"])
    let mapped = Self.metaData([JSONMember("delta.columnMapping.mode", "name")])
    #expect(names(5, mapped) == ["columnMapping"])
    #expect(names(5, Self.metaData([JSONMember("delta.columnMapping.mode", "none")])) == [])
    #expect(names(6, Self.metaData(columnKey: "delta.identity.step")) == ["identityColumns"])
    #expect(names(2, Self.metaData(columnKey: "delta.invariants")) == ["invariants"])
    #expect(names(1, Self.metaData(columnKey: "delta.invariants")) == [])
  }

  /// The same where logs are read: by the ledger's commits, and by maintenance.
  @Test func `a table is refused before anything is written to it, and taken when it is undone`()
    throws
  {
    let storage = MemoryStorage()
    let table = smallTable(storage)
    let bookmark = try table.apply([entry(0)], ledgerEnd: 0, after: .empty).bookmark
    func asks(_ features: [JSONValue]) -> JSONValue {
      [
        "protocol": [
          "minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": .array(features),
        ]
      ]
    }
    try putForeign(storage, 1, [asks(["appendOnly", "invariants", "rowTracking", "clustering"])])
    var snapshot = TableSnapshot(storage: storage, folder: table.folder, engine: "test")
    for error in [
      #expect(throws: DeltaError.self) { try table.catchUp(after: bookmark) },
      #expect(throws: DeltaError.self) { try snapshot.follow() },
    ] {
      guard case .unsupportedFeatures(_, version: 1, let features) = error else {
        Issue.record("expected unsupportedFeatures, got \(String(describing: error))")
        continue
      }
      #expect(features.map(\.name) == ["clustering", "rowTracking"])
    }
    try putForeign(storage, 2, [asks(["appendOnly", "invariants"])])
    #expect(try table.catchUp(after: bookmark).bookmark.deltaVersion == 2)
    #expect(try snapshot.follow())
  }

  @Test func `versions beyond those there are are refused as such`() throws {
    let storage = MemoryStorage()
    let table = smallTable(storage)
    let bookmark = try table.apply([entry(0)], ledgerEnd: 0, after: .empty).bookmark
    try putForeign(storage, 1, [["protocol": ["minReaderVersion": 4, "minWriterVersion": 8]]])
    let error = #expect(throws: DeltaError.self) { try table.catchUp(after: bookmark) }
    guard case .unsupportedProtocol(_, version: 1, _) = error else {
      Issue.record("expected unsupportedProtocol, got \(String(describing: error))")
      return
    }
  }
}
