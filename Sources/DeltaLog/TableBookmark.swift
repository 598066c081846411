package import Base

/// How far a table's log is known to us: everything up to `deltaVersion` has been read or written,
/// and is durable.
///
/// Summaries of the ledger keep one a table, so that recovery reads only what came after.
package struct TableBookmark: Equatable, Sendable {
  /// The newest version seen; -1 when there is no table yet.
  package var deltaVersion: Int64
  /// The last ledger version the table has taken; -1 for none.
  package var txnVersion: Int64
  /// `SchemaFingerprint` of the newest metaData action; nil when there is no table yet.
  package var schemaFingerprint: String?
  /// The table's UUID.
  package var tableID: String?
  package var tableProtocol: TableProtocol?
  /// The body of the newest metaData action, whoever wrote it: what a change of the schema leaves
  /// as it is, such as properties and comments that people have set. Nil when there is no table
  /// yet, or where an older program wrote the summary.
  package var metaData: JSONValue?

  /// No table yet.
  package static let empty = TableBookmark(
    deltaVersion: -1, txnVersion: -1, schemaFingerprint: nil, tableID: nil, tableProtocol: nil)

  package init(
    deltaVersion: Int64, txnVersion: Int64, schemaFingerprint: String?, tableID: String?,
    tableProtocol: TableProtocol?
  ) {
    self.deltaVersion = deltaVersion
    self.txnVersion = txnVersion
    self.schemaFingerprint = schemaFingerprint
    self.tableID = tableID
    self.tableProtocol = tableProtocol
  }

  package var json: JSONValue {
    let protocolValue: JSONValue = tableProtocol.map { found in
      [
        "minReaderVersion": .int(found.minReaderVersion),
        "minWriterVersion": .int(found.minWriterVersion),
        "features": .array(found.features.map { .string($0) }),
      ]
    } ?? .null
    return [
      "deltaVersion": .int(deltaVersion), "txnVersion": .int(txnVersion),
      "schema": .optional(schemaFingerprint), "tableId": .optional(tableID),
      "protocol": protocolValue, "metaData": metaData ?? .null,
    ]
  }

  /// Reads back `json`; nil if it is not a bookmark.
  package init?(_ json: JSONValue) {
    // Versions beyond 2^60 would take centuries.
    let versions: ClosedRange<Int64> = -1...(1 << 60)
    guard let deltaVersion = json["deltaVersion"]?.int64Value, versions.contains(deltaVersion),
      let txnVersion = json["txnVersion"]?.int64Value, versions.contains(txnVersion),
      let found = json["protocol"]
    else { return nil }
    self.init(
      deltaVersion: deltaVersion, txnVersion: txnVersion,
      schemaFingerprint: json["schema"]?.stringValue, tableID: json["tableId"]?.stringValue,
      tableProtocol: nil)
    metaData = json["metaData"].flatMap { $0.isNull ? nil : $0 }
    if found.isNull { return }
    guard let reader = found["minReaderVersion"]?.int64Value,
      let writer = found["minWriterVersion"]?.int64Value,
      let features = found["features"]?.arrayValue
    else { return nil }
    tableProtocol = TableProtocol(
      minReaderVersion: reader, minWriterVersion: writer,
      features: features.compactMap(\.stringValue))
  }
}
