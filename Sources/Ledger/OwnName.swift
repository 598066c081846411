/// The names of our own files, read back (docs/ARCHITECTURE.md, "On disk"). They are made by
/// `Pipeline` and `Maintenance`; tests hold them together.
package enum OwnName {
  /// A data file of a commit: `<pipeline>-v<base>-<commit id>-<n>.parquet`.
  package struct Data: Equatable {
    /// The newest entry that one of its commit's partitions was based on.
    package let baseVersion: Int64
    package let commitID: CommitID

    package init(baseVersion: Int64, commitID: CommitID) {
      self.baseVersion = baseVersion
      self.commitID = commitID
    }
  }

  /// A state snapshot: `<pipeline>-v<base>-<commit id>-<topic>-<incarnation>-<partition>.state`.
  package struct State: Equatable {
    /// The entry that its partition was based on; nil in names of older programs.
    package let baseVersion: Int64?
    /// `<commit id>-<topic>`: either part may contain the dash between them.
    let commitAndTopic: String
    package let incarnation: Int64
    package let partition: Int32

    /// Whether it is of this commit and partition.
    package func belongs(to commitID: CommitID, _ key: PartitionKey) -> Bool {
      commitAndTopic == "\(commitID)-\(key.topic)" && incarnation == key.incarnation
        && partition == key.partition
    }

    /// Whether it may be of this partition: a topic's name may end with another's.
    func mayBelong(to key: PartitionKey) -> Bool {
      commitAndTopic.hasSuffix("-" + key.topic) && incarnation == key.incarnation
        && partition == key.partition
    }
  }

  /// A file that maintenance made: `<pipeline>-m<base>-<id>-<n>.parquet`.
  package struct Maintained: Equatable {
    /// The Delta version that the attempt was based on.
    package let baseVersion: Int64
  }

  /// Nil for a name that is not ours.
  package static func maintained(_ name: String, pipeline: String) -> Maintained? {
    guard var rest = inside(name, prefix: "\(pipeline)-m", suffix: ".parquet"),
      takeNumber(&rest) != nil, let dash = rest.firstIndex(of: "-"),
      let base = number(rest[..<dash]), rest.index(after: dash) < rest.endIndex
    else { return nil }
    return Maintained(baseVersion: base)
  }

  /// Nil for a name that is not ours.
  package static func data(_ name: String, pipeline: String) -> Data? {
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
  package static func state(_ name: String, pipeline: String) -> State? {
    guard var rest = inside(name, prefix: "\(pipeline)-", suffix: ".state"),
      let partition = takeNumber(&rest).flatMap({ Int32(exactly: $0) }),
      let incarnation = takeNumber(&rest), rest.contains("-")
    else { return nil }
    var base: Int64?
    // A commit id begins with a hexadecimal digit.
    if rest.first == "v", let dash = rest.firstIndex(of: "-") {
      base = number(rest[rest.index(after: rest.startIndex)..<dash])
      if base != nil { rest = rest[rest.index(after: dash)...] }
    }
    return State(
      baseVersion: base, commitAndTopic: String(rest), incarnation: incarnation,
      partition: partition)
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

  /// No number of ours gets that far, and what is added to one still fits.
  private static let numberMax: Int64 = 1 << 60

  /// Digits only, without a leading zero: as we write numbers.
  private static func number(_ text: Substring) -> Int64? {
    guard let first = text.utf8.first, text == "0" || first != UInt8(ascii: "0"),
      text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") })
    else { return nil }
    return Int64(text).flatMap { $0 <= numberMax ? $0 : nil }
  }
}
