package import Base

/// Composes the actions of a table log, each as a canonical JSON object (PROTOCOL.md, "Actions").
///
/// Actions are composed once, before the ledger entry that carries them is put; from then on they
/// are copied. `add` has its own type, `AddFile`.
package enum DeltaAction {
  /// What every table of ours asks of its readers and writers.
  package static let minReaderVersion: Int64 = 1
  package static let minWriterVersion: Int64 = 2

  /// The first action of a table.
  package static let protocolAction: JSONValue = [
    "protocol": [
      "minReaderVersion": .int(minReaderVersion), "minWriterVersion": .int(minWriterVersion),
    ]
  ]

  /// A table's schema and settings; a later one replaces an earlier one whole.
  /// - Parameters:
  ///   - id: the table's UUID, the same for all its life.
  ///   - configuration: table properties (`delta.…`), in the order they are to be written.
  ///   - createdTimeMillis: wall-clock time, decided by the caller and recorded in the ledger.
  package static func metaData(
    id: String, name: String, schema: DeltaSchema,
    configuration: [(key: String, value: String)] = [], createdTimeMillis: Int64
  ) -> JSONValue {
    [
      "metaData": metaDataBody(
        id: id, name: name, schemaText: schema.schemaText,
        partitionColumns: schema.partitionColumns, configuration: configuration,
        createdTimeMillis: createdTimeMillis)
    ]
  }

  /// What stands in a metaData action; `createdTime` is optional there.
  package static func metaDataBody(
    id: String, name: String, schemaText: String, partitionColumns: [String],
    configuration: [(key: String, value: String)], createdTimeMillis: Int64?
  ) -> JSONValue {
    var members = [
      JSONMember("id", .string(id)),
      JSONMember("name", .string(name)),
      JSONMember("format", ["provider": "parquet", "options": [:]]),
      JSONMember("schemaString", .string(schemaText)),
      JSONMember("partitionColumns", .array(partitionColumns.map { .string($0) })),
      JSONMember(
        "configuration", .object(configuration.map { JSONMember($0.key, .string($0.value)) })),
    ]
    if let createdTimeMillis { members.append(JSONMember("createdTime", .int(createdTimeMillis))) }
    return .object(members)
  }

  /// How far a table has taken our ledger: makes appending idempotent.
  static func txn(appID: String, version: Int64, lastUpdatedMillis: Int64) -> JSONValue {
    [
      "txn": [
        "appId": .string(appID), "version": .int(version), "lastUpdated": .int(lastUpdatedMillis),
      ]
    ]
  }

  /// What `DESCRIBE HISTORY` calls a commit that takes ledger entries.
  static let ledgerOperation = "STREAMING UPDATE"

  /// Who made a commit, for people and for resolving an unclear outcome. `DESCRIBE HISTORY` of
  /// other engines shows operation and parameters.
  static func commitInfo(
    engineInfo: String, appID: String, first: LedgerActions, last: LedgerActions
  ) -> JSONValue {
    [
      "commitInfo": [
        "timestamp": .int(last.committedAtMillis),
        "operation": .string(ledgerOperation),
        "operationParameters": [
          "outputMode": "Append",
          "queryId": .string(appID),
          "epochId": .string(last.ledgerVersion.description),
        ],
        "isBlindAppend": true,
        "engineInfo": .string(engineInfo),
        "ledgerVersionFirst": .int(first.ledgerVersion),
        "ledgerVersion": .int(last.ledgerVersion),
        "commitId": .string(last.commitID),
      ]
    ]
  }
}

/// What one ledger entry holds for one table: the unit a table log takes.
package struct LedgerActions: Equatable, Sendable {
  package let ledgerVersion: Int64
  package let commitID: String
  /// Wall-clock time recorded in the entry, in milliseconds since the Unix epoch.
  package let committedAtMillis: Int64
  /// Protocol, metaData and add actions, copied verbatim.
  package let actions: [JSONValue]

  package init(
    ledgerVersion: Int64, commitID: String, committedAtMillis: Int64, actions: [JSONValue]
  ) {
    self.ledgerVersion = ledgerVersion
    self.commitID = commitID
    self.committedAtMillis = committedAtMillis
    self.actions = actions
  }

  /// Whether it must open a commit of its own: a commit holds at most one metaData and one
  /// protocol action.
  var changesTable: Bool { actions.contains { $0["metaData"] != nil || $0["protocol"] != nil } }
}
