package import Ledger
package import Storage

/// What an audit found and what it looked at.
package struct AuditReport: Sendable {
  /// The first of each severity, at most `FindingList.listedCountMax`, in the order found.
  package var findings: [Finding]
  /// How many there are of each severity, the unlisted ones included.
  package private(set) var counts: [Finding.Severity: Int]
  package var figures: AuditFigures

  init(_ findings: FindingList, _ figures: AuditFigures) {
    self.findings = findings.listed
    counts = findings.counts
    self.figures = figures
  }

  /// Whether there is neither an error nor a warning.
  package var holds: Bool { count(of: .error) == 0 && count(of: .warning) == 0 }

  /// How many findings of that severity there are, listed or not.
  package func count(of severity: Finding.Severity) -> Int { counts[severity, default: 0] }

  /// Adds what somebody else found, about the same root.
  package mutating func add(_ more: [Finding]) {
    findings += more
    for finding in more { counts[finding.severity, default: 0] += 1 }
  }
}

/// What was looked at, in numbers.
package struct AuditFigures: Sendable {
  package var pipeline = ""
  package var ledgerID = ""
  /// Of the Kafka cluster that the offsets are of; nil where no broker told it.
  package var clusterID: String?
  /// The oldest entry that is still there; nil for an empty chain.
  package var firstVersion: Int64?
  /// -1 for an empty chain.
  package var lastVersion: Int64 = -1
  package var entryCount = 0
  package var summaryVersions: [Int64] = []
  package var partitions: [PartitionFigure] = []
  package var tables: [TableFigure] = []
  package var states = FileCount()
  /// Files of ours that nothing names and nothing can ever name.
  package var orphans = FileCount()
  /// Files of ours that nothing names yet: a commit under way may.
  package var undecided = FileCount()
  /// Files of somebody else below our folders.
  package var foreign = FileCount()
  /// Temporary files.
  package var unfinished = FileCount()
  /// Data files whose bytes were read, and what was read of them.
  package var contents = FileCount()
  /// What could not be checked and why, in sentences.
  package var unchecked: [String] = []
  /// Offsets were compared with the brokers'.
  package var hasAskedBrokers = false
}

/// A number of files and their bytes.
package struct FileCount: Equatable, Sendable {
  package var count = 0
  package var byteCount: Int64 = 0

  mutating func add(_ byteCount: Int64) {
    count += 1
    // Sizes on disk are below 2^63, sums of what tables claim need not be.
    self.byteCount = self.byteCount.addingClamped(byteCount)
  }
}

/// One partition as the chain has it.
package struct PartitionFigure: Equatable, Sendable {
  package let key: PartitionKey
  package let start: Int64
  package let to: Int64
  package let notDeliveredCount: Int64
  package let skippedCount: Int64
  package let lastVersion: Int64
  package let witness: Witness?
  /// False for one of an incarnation that a later one replaced.
  package let isOpen: Bool
}

/// One table as its log has it.
package struct TableFigure: Equatable, Sendable {
  package let name: String
  /// The newest version read; -1 for none.
  package var deltaVersion: Int64 = -1
  /// The last entry it has taken; -1 for none.
  package var txnVersion: Int64 = -1
  /// Entries it has not taken.
  package var owedEntryCount = 0
  /// Files it consists of now, their bytes and rows as the log says.
  package var files = FileCount()
  package var rowCount: Int64 = 0
  /// Files that another program removed from it.
  package var removedFileCount = 0
  package var foreignCommitCount = 0
  /// Commits of our own maintenance, which do not come from the ledger.
  package var maintenanceCommitCount = 0
}

extension Int64 {
  /// The sum, or the bound it would pass.
  func addingClamped(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }
}

/// Why an audit could not be made.
package enum AuditError: Error, Sendable, CustomStringConvertible {
  case storage(StorageError)
  /// The root's ledger is another pipeline's.
  case otherPipeline(found: String, expected: String)
  /// Every time it was read, the chain had moved on before its files could be.
  case restless

  package var description: String {
    switch self {
    case .storage(let error): "\(error)"
    case .otherPipeline(let found, let expected):
      "the root belongs to pipeline \"\(found)\", not \"\(expected)\"; give its own configuration"
    case .restless:
      "the chain moved on faster than it could be read; try again, or stop the pipeline first"
    }
  }
}
