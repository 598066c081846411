import Base

/// A commit of another program, as far as it concerns us.
package struct ForeignCommit: Equatable, Sendable {
  /// What the commit did, as far as it concerns us.
  package enum Kind: Sendable {
    /// Files were rewritten without changing rows: OPTIMIZE and other compaction.
    case rearranged
    /// Rows were deleted or changed: DELETE, UPDATE, MERGE, overwrites.
    case rowsChanged
    /// Rows were added by somebody else.
    case appended
    /// The table's schema, properties or protocol were set; checked for what it means to us.
    case tableChanged
    /// Commits that were cleaned up behind a log checkpoint before we had read them: what they did
    /// is not known one by one, and the version is that of the checkpoint.
    case cleanedUp
    /// Nothing in it concerns rows: the marks of VACUUM, other applications' txn.
    case bookkeeping
  }

  package let version: Int64
  package let kind: Kind
  /// As the other program names it in commitInfo.
  package let operation: String?
  /// Whether it was this program's maintenance, which commits beside the ledger.
  package var isMaintenance = false
}

/// What one file of a table's log says, as far as a writer needs it.
struct DeltaCommit {
  let version: Int64
  /// The ledger version in our txn action; nil in a commit of another program.
  private(set) var txnVersion: Int64?
  /// Whether it is a commit of ours beside the ledger: an overwrite of a table that follows from
  /// what the ledger has (`DerivedTable`).
  private(set) var isDerived = false
  /// An application id of this pipeline under another ledger.
  private(set) var otherLedgerAppID: String?
  private(set) var metaData: JSONValue?
  private(set) var tableProtocol: TableProtocol?
  private(set) var operation: String?
  /// Whether commitInfo names this program, for another thing than what a ledger entry holds.
  private(set) var isMaintenance = false
  private var hasDataAdd = false
  private var hasDataRemove = false
  private var hasFileAction = false
  /// Why an action that we must understand makes no sense.
  private(set) var fault: String?

  /// Reads a commit. Unknown actions and members are passed over, as the protocol demands. `appID`
  /// is `<pipeline>/<ledger id>`.
  init(
    parsing bytes: [UInt8], version: Int64, appID: String, table: String
  ) throws(DeltaError) {
    self.init(
      try Self.lines(bytes, version: version, table: table), version: version, appID: appID)
    if let fault { throw .malformedCommit(table: table, version: version, detail: fault) }
  }

  /// The actions of a commit's file, one JSON document a line.
  static func lines(
    _ bytes: [UInt8], version: Int64, table: String
  ) throws(DeltaError) -> [JSONValue] {
    let lines = bytes.split(separator: UInt8(ascii: "\n"))
    if lines.isEmpty {
      throw .malformedCommit(table: table, version: version, detail: "the file is empty")
    }
    var actions: [JSONValue] = []
    for (index, line) in lines.enumerated() {
      do {
        actions.append(try JSONValue(parsing: line))
      } catch {
        throw .malformedCommit(
          table: table, version: version, detail: "line \(index + 1), \(error)")
      }
    }
    return actions
  }

  /// A commit of these actions.
  init(_ actions: [JSONValue], version: Int64, appID: String) {
    self.init(version: version)
    for action in actions { take(action, appID: appID) }
  }

  private init(version: Int64) { self.version = version }

  private mutating func take(_ action: JSONValue, appID: String) {
    if let txn = action["txn"] { take(txn: txn, appID: appID) }
    if let metaData = action["metaData"] { self.metaData = metaData }
    if let found = action["protocol"] {
      tableProtocol = TableProtocol(found)
      if tableProtocol == nil { fault = "a protocol action without versions" }
    }
    if let info = action["commitInfo"] {
      operation = info["operation"]?.stringValue
      isMaintenance =
        info["engineInfo"]?.stringValue?.hasPrefix("downlinkd ") ?? false
        && operation != DeltaAction.ledgerOperation
    }
    if let add = action["add"] {
      hasFileAction = true
      if add["dataChange"]?.boolValue != false { hasDataAdd = true }
    }
    if let remove = action["remove"] {
      hasFileAction = true
      if remove["dataChange"]?.boolValue != false { hasDataRemove = true }
    }
  }

  private mutating func take(txn: JSONValue, appID: String) {
    guard let found = txn["appId"]?.stringValue else { return }
    if found == appID {
      txnVersion = txn["version"]?.int64Value
      // Taken for somebody else's commit, it would let its entries in a second time.
      if txnVersion.map({ $0 < 0 }) ?? true { fault = "our txn action without a version" }
    } else if DerivedTable.isAppID(found, ofLedger: appID) {
      isDerived = true
    } else if Self.isOther(found, than: appID) {
      otherLedgerAppID = found
    }
  }

  /// Whether an application id is that of this pipeline under another ledger.
  static func isOther(_ found: String, than appID: String) -> Bool {
    guard found != appID, let slash = appID.lastIndex(of: "/") else { return false }
    return found.hasPrefix(appID[...slash])
  }

  var foreignKind: ForeignCommit.Kind {
    if metaData != nil || tableProtocol != nil { return .tableChanged }
    if hasDataRemove { return .rowsChanged }
    if hasDataAdd { return .appended }
    return hasFileAction ? .rearranged : .bookkeeping
  }
}

extension TableProtocol {
  /// From the body of a protocol action; nil where that has not both versions.
  init?(_ body: JSONValue) {
    guard let reader = body["minReaderVersion"]?.int64Value,
      let writer = body["minWriterVersion"]?.int64Value
    else { return nil }
    let features = ["readerFeatures", "writerFeatures"].flatMap { key in
      (body[key]?.arrayValue ?? []).compactMap(\.stringValue)
    }
    self.init(
      minReaderVersion: reader, minWriterVersion: writer,
      features: Set(features).sorted())
  }
}
