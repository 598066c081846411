import Storage

/// A log checkpoint as the names in a table's log show it.
package struct LogCheckpointFile: Sendable, Equatable {
  /// The version whose state it holds.
  package let version: Int64
  /// Relative to the root: one file, or all parts in their order.
  package let paths: [String]
}

extension DeltaTable {
  /// The newest log checkpoint that is complete; nil for none. Cost: a list of the log's names.
  ///
  /// `_last_checkpoint` is not asked: it is a hint, and another engine may have left it behind.
  /// Checkpoints of the second kind (with a UUID in their names) are passed over.
  package func newestCheckpoint() throws(DeltaError) -> LogCheckpointFile? {
    let names = try onStorage { () throws(StorageError) in try storage.list(logFolder) }
    return LogNames(names).checkpoints.last.map {
      LogCheckpointFile(version: $0.version, paths: $0.names.map { logFolder + "/" + $0 })
    }
  }
}

extension DeltaTable {
  /// The log checkpoint with which to go on where the commits after `version` are gone.
  ///
  /// Errors: `.unsupportedFeature` where only a checkpoint of the second kind stands for them;
  /// `error`, which says that they are gone, where nothing does.
  func checkpointToGoOn(
    after version: Int64, orThrow error: DeltaError
  ) throws(DeltaError) -> LogCheckpointFile {
    if let newest = try newestCheckpoint(), newest.version > version { return newest }
    let names = try onStorage { () throws(StorageError) in try storage.list(logFolder) }
    let second = LogNames(names).others.last { other in
      let words = other.name.split(separator: ".")
      // <version>.checkpoint.<UUID>.parquet, or .json
      return other.version > version && words.count == 4 && words[1] == "checkpoint"
    }
    if let second {
      throw .unsupportedFeature(
        table: table, version: second.version,
        feature: "checkpoints of the second kind (v2Checkpoint)")
    }
    throw error
  }
}

/// What the names in a `_delta_log` folder say (PROTOCOL.md, "File Types").
package struct LogNames: Sendable {
  /// A complete log checkpoint: one file, or all parts of it.
  package struct Checkpoint: Sendable, Equatable {
    package let version: Int64
    package let names: [String]
  }

  /// Versions of which there is a commit, ascending.
  package private(set) var commits: [Int64] = []
  /// Ascending; of several for one version, that of one file first and alone.
  package private(set) var checkpoints: [Checkpoint] = []
  /// Every file that belongs to a version and is no commit, complete checkpoint or not: checkpoint
  /// parts, checksums (`.crc`), compacted logs.
  package private(set) var others: [(version: Int64, name: String)] = []

  /// - Parameter names: as `Storage.list` gives them: sorted.
  package init(_ names: [String]) {
    var parts: [Int64: [Int64: [(part: Int64, name: String)]]] = [:]
    var single: [Int64: String] = [:]
    for name in names {
      let words = name.split(separator: ".", omittingEmptySubsequences: false)
      guard words.count >= 2, let version = Self.number(words[0], digitCount: 20) else {
        continue
      }
      if words.count == 2, words[1] == "json" {
        commits.append(version)
        continue
      }
      others.append((version, name))
      guard words[1] == "checkpoint", words.last == "parquet" else { continue }
      if words.count == 3 { single[version] = name }
      if words.count == 5, let part = Self.number(words[2], digitCount: 10),
        let count = Self.number(words[3], digitCount: 10), part >= 1, part <= count
      {
        parts[version, default: [:]][count, default: []].append((part, name))
      }
    }
    for version in Set(single.keys).union(parts.keys).sorted() {
      if let name = single[version] {
        checkpoints.append(Checkpoint(version: version, names: [name]))
      } else if let parts = parts[version],
        let whole = parts.first(where: { Int64($0.value.count) == $0.key })
      {
        let names = whole.value.sorted { $0.part < $1.part }.map(\.name)
        checkpoints.append(Checkpoint(version: version, names: names))
      }
    }
  }

  /// No table gets that far, and what is added to a version still fits.
  private static let numberMax: Int64 = 1 << 60

  /// Digits and nothing else: there is one way to write a version.
  private static func number(_ text: Substring, digitCount: Int) -> Int64? {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard text.utf8.count == digitCount, text.utf8.allSatisfy(digits.contains) else { return nil }
    return Int64(text).flatMap { $0 <= numberMax ? $0 : nil }
  }
}
