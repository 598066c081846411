package import Ledger

/// One thing an audit has to say: what is wrong (or only noteworthy), where, and what to do.
package struct Finding: Equatable, Sendable {
  /// How much it matters.
  package enum Severity: String, Sendable, CaseIterable {
    /// An invariant does not hold, or committed data is not as it was committed.
    case error
    /// Everything still holds, but what protects it is weaker than it should be.
    case warning
    /// True, and nothing to worry about.
    case note
  }

  /// What it is about, as exactly as it is known.
  package struct Subject: Equatable, Sendable {
    /// A file, relative to the root.
    package var path: String?
    package var table: String?
    package var partition: PartitionKey?
    package var offset: Int64?

    package init(
      path: String? = nil, table: String? = nil, partition: PartitionKey? = nil,
      offset: Int64? = nil
    ) {
      self.path = path
      self.table = table
      self.partition = partition
      self.offset = offset
    }

    static func file(_ path: String) -> Subject { Subject(path: path) }

    static func table(_ name: String, path: String? = nil) -> Subject {
      Subject(path: path, table: name)
    }

    static func partition(_ key: PartitionKey, offset: Int64? = nil) -> Subject {
      Subject(partition: key, offset: offset)
    }
  }

  package let severity: Severity
  /// The invariant of docs/ARCHITECTURE.md that is broken or was being checked; nil for what no
  /// invariant speaks of.
  package let invariant: Invariant?
  package let subject: Subject
  package let sentence: String
  /// What a person can do about it; empty where there is nothing to do.
  package let advice: String

  package init(
    _ severity: Severity, _ invariant: Invariant?, _ subject: Subject, _ sentence: String,
    advice: String = ""
  ) {
    self.severity = severity
    self.invariant = invariant
    self.subject = subject
    self.sentence = sentence
    self.advice = advice
  }
}

/// The invariants of docs/ARCHITECTURE.md that files can tell about, under their numbers there.
package enum Invariant: String, Sendable, CaseIterable {
  /// The moves of a partition follow each other without hole or overlap.
  case moves = "I1"
  /// A move names the version that last touched its partition.
  case bases = "I2"
  /// A snapshot's cut is at most its move's `to`.
  case cuts = "I3"
  /// Every offset has exactly one outcome.
  case outcomes = "I4"
  /// Nothing is acted on before it is durable: what an entry names is there.
  case durability = "I5"
  /// The tables follow the chain in order and without holes.
  case tables = "I7"
  /// A dead letter comes back once.
  case replays = "I12"
}

/// Collects findings; of each severity it keeps the first `listedCountMax` and counts the rest, so
/// that a disk full of faults does not become a memory full of sentences.
struct FindingList {
  static let listedCountMax = 200

  private(set) var listed: [Finding] = []
  private(set) var counts: [Finding.Severity: Int] = [:]

  mutating func add(
    _ severity: Finding.Severity, _ invariant: Invariant?, _ subject: Finding.Subject,
    _ sentence: String, advice: String = ""
  ) {
    counts[severity, default: 0] += 1
    guard counts[severity, default: 0] <= Self.listedCountMax else { return }
    listed.append(Finding(severity, invariant, subject, sentence, advice: advice))
  }

  mutating func add(_ other: FindingList) {
    for finding in other.listed {
      add(
        finding.severity, finding.invariant, finding.subject, finding.sentence,
        advice: finding.advice)
    }
    for severity in Finding.Severity.allCases {
      let unlisted = other.counts[severity, default: 0] - other.listedCount(of: severity)
      counts[severity, default: 0] += unlisted
    }
  }

  /// Counts faults of a kind whose first ones are listed.
  mutating func addUnlisted(_ severity: Finding.Severity, count: Int) {
    counts[severity, default: 0] += count
  }

  func listedCount(of severity: Finding.Severity) -> Int {
    listed.reduce(0) { $0 + ($1.severity == severity ? 1 : 0) }
  }
}
