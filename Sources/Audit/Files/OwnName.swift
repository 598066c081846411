import Ledger

/// The names of our own files, read back (docs/ARCHITECTURE.md, "On disk"). They are made by
/// `Pipeline`; a test holds the two together.
enum OwnName {
  /// A data file: `<pipeline>-v<base>-<commit id>-<n>.parquet`.
  struct Data: Equatable {
    /// The newest entry that one of its commit's partitions was based on.
    let baseVersion: Int64
    let commitID: CommitID
  }

  /// A state snapshot: `<pipeline>-<commit id>-<topic>-<incarnation>-<partition>.state`.
  struct State: Equatable {
    /// `<commit id>-<topic>`: either part may contain the dash between them.
    let commitAndTopic: String
    let incarnation: Int64
    let partition: Int32

    /// Whether it is of this commit and partition.
    func belongs(to commitID: CommitID, _ key: PartitionKey) -> Bool {
      commitAndTopic == "\(commitID)-\(key.topic)" && incarnation == key.incarnation
        && partition == key.partition
    }
  }

  /// Nil for a name that is not ours.
  static func data(_ name: String, pipeline: String) -> Data? {
    guard var rest = inside(name, prefix: "\(pipeline)-v", suffix: ".parquet"),
      takeNumber(&rest) != nil, let counter = takeNumber(&rest),
      let dash = rest.firstIndex(of: "-"), let base = number(rest[..<dash])
    else { return nil }
    let incarnation = rest[rest.index(after: dash)...]
    if incarnation.isEmpty { return nil }
    return Data(
      baseVersion: base, commitID: CommitID(incarnation: String(incarnation), counter: counter))
  }

  /// Nil for a name that is not ours.
  static func state(_ name: String, pipeline: String) -> State? {
    guard var rest = inside(name, prefix: "\(pipeline)-", suffix: ".state"),
      let partition = takeNumber(&rest).flatMap({ Int32(exactly: $0) }),
      let incarnation = takeNumber(&rest), rest.contains("-")
    else { return nil }
    return State(commitAndTopic: String(rest), incarnation: incarnation, partition: partition)
  }

  private static func inside(_ name: String, prefix: String, suffix: String) -> Substring? {
    guard name.utf8.count > prefix.utf8.count + suffix.utf8.count, name.hasPrefix(prefix),
      name.hasSuffix(suffix)
    else { return nil }
    return name.dropFirst(prefix.count).dropLast(suffix.count)
  }

  /// Takes `-<digits>` off the end.
  private static func takeNumber(_ text: inout Substring) -> Int64? {
    guard let dash = text.lastIndex(of: "-"),
      let value = number(text[text.index(after: dash)...])
    else { return nil }
    text = text[..<dash]
    return value
  }

  /// Digits only, without a leading zero: as we write numbers.
  private static func number(_ text: Substring) -> Int64? {
    guard let first = text.utf8.first, text == "0" || first != UInt8(ascii: "0"),
      text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") })
    else { return nil }
    return Int64(text)
  }
}

/// Decides whether an unnamed data file can ever be named (design: "Orphans").
///
/// A file's commit moves partitions of which the newest was based on the file's base version: an
/// entry that names the file is valid only while one partition was last moved by exactly that
/// entry. Once no open partition stands there, no valid entry can name the file any more, whoever
/// is still alive. Age proves nothing.
///
/// A replay of dead letters moves no partition: its files are based on the replay before it, or on
/// entry 0, and are proven orphans once another replay is in the chain.
struct OrphanProof {
  private let standingAt: Set<Int64>
  private let lastVersion: Int64

  init(_ state: ChainState) {
    lastVersion = state.lastVersion
    let moved = state.partitions.lazy
      .filter { state.topics[$0.key.topic]?.incarnation == $0.key.incarnation }
      .map(\.value.lastVersion)
    standingAt = Set(moved).union([max(0, state.lastReplay)])
  }

  /// Whether no entry after the chain's end as it was read can name a file of this base.
  func holds(forBase version: Int64) -> Bool {
    version <= lastVersion && !standingAt.contains(version)
  }
}
