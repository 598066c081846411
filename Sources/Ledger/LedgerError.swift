package import Storage

/// Why the chain could not be read or extended. Each case says what to do about it.
package enum LedgerError: Error, Sendable {
  /// The storage failed; nothing was decided.
  case storage(StorageError)
  /// A file of the chain cannot be understood. `detail` says where.
  case unreadable(path: String, detail: String)
  /// The file's format or kind is of another (newer) program.
  case unknownFormat(path: String, found: String)
  /// The root belongs to another pipeline.
  case otherPipeline(path: String, found: String, expected: String)
  /// The topics are on another Kafka cluster than the one recorded.
  case otherCluster(found: String, expected: String)
  /// Somebody else moved a partition of ours: everything after our last entry must be dropped.
  case conflict(Conflict)
  /// A number that summaries cover was free to put: the chain went on without us.
  case raceLost(version: Int64, summary: Int64)
  /// An entry that the chain needs is gone.
  case missingEntry(version: Int64)
}

/// Where an entry does not fit the chain.
package struct Conflict: Equatable, Sendable {
  /// Nil where it is about no partition of its own: another cluster.
  package var key: PartitionKey?
  package var reason: String

  package init(key: PartitionKey?, reason: String) {
    self.key = key
    self.reason = reason
  }
}

extension LedgerError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .storage(let error): return "\(error)"
    case .unreadable(let path, let detail):
      return "cannot read \(path): \(detail); restore the file or run `downlinkd verify`"
    case .unknownFormat(let path, let found):
      return "cannot read \(path): \(found) is of a newer downlinkd; upgrade this one"
    case .otherPipeline(let path, let found, let expected):
      return "\(path) belongs to pipeline \"\(found)\", not \"\(expected)\"; "
        + "use another storage.root"
    case .otherCluster(let found, let expected):
      return "the brokers are cluster \(found), but the ledger's offsets are of cluster "
        + "\(expected); point kafka.brokers at that cluster, or read the new one from its "
        + "beginning: `downlinkd offsets skip --config FILE --other-cluster`"
    case .conflict(let conflict):
      guard let key = conflict.key else { return "the chain has changed: \(conflict.reason)" }
      return "\(key) was moved by another instance: \(conflict.reason)"
    case .raceLost(let version, let summary):
      return "ledger entry \(version) was put below summary \(summary): "
        + "the chain went on without us"
    case .missingEntry(let version):
      return "ledger entry \(version) is missing; restore it or run `downlinkd verify`"
    }
  }
}
