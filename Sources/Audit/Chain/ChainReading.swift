import Base
import Ledger
import Storage

/// The chain as it was read once: replayed from the oldest point there is, with what is wrong.
///
///     entries   (retired) … │ 40 41 42 43 … 63 64 65 … 71 │
///     summaries             40 = state     64 = the same state?
///
/// The replay begins at the older of the two newest summaries (or entry 0), so that the newest is
/// compared with what the entries between them say.
///
/// What lies below proves nothing: whoever was frozen while it put an entry finds the number free
/// again once the winner's file is retired, and leaves a file there that is not of the chain. Its
/// put is void, because a summary covers the number, and the next summary takes the file away.
///
/// Reads while others write: a file that is listed and then gone was retired, so the reading begins
/// again. Memory: one entry at a time, its digest, and the summaries.
struct ChainReading {
  let storage: any Storage
  let pipeline: String

  /// After the last entry that could be taken.
  var state: ChainState
  /// Entries that are there and readable, ascending.
  private(set) var digests: [EntryDigest] = []
  /// Readable summaries by their version.
  private(set) var summaries: [Int64: LedgerSummary] = [:]
  /// The first version that is not there, and that no summary covers.
  private(set) var end: Int64 = 0
  /// Whether the whole chain could be replayed: if not, what depends on its state is not judged.
  private(set) var isWhole = true
  /// The state that the replay began with is that after this version, -1 where it began with
  /// entry 0; nil where nothing could be replayed.
  private(set) var base: Int64?
  var beganAtZero: Bool { base == -1 }
  var findings = FindingList()
  private(set) var foreignFiles: [String] = []
  var commitIDs: [CommitID: Int64] = [:]

  /// A listed file that was gone when it was to be read: begin again.
  struct Moved: Error {}

  /// How often the folder is listed before giving up; entries are retired every 32 commits, and
  /// reading those that are left takes milliseconds.
  private static let tryCountMax = 20

  static func read(
    _ storage: any Storage, pipeline: String
  ) throws(AuditError) -> ChainReading {
    for _ in 0..<tryCountMax {
      var reading = ChainReading(storage: storage, pipeline: pipeline)
      do {
        try reading.readAll()
        return reading
      } catch is Moved {
        continue
      } catch let error as AuditError {
        throw error
      } catch {
        preconditionFailure("a reading throws nothing else: \(error)")
      }
    }
    throw .restless
  }

  private init(storage: any Storage, pipeline: String) {
    self.storage = storage
    self.pipeline = pipeline
    state = ChainState(pipeline: pipeline)
  }

  // MARK: - Order of things

  private mutating func readAll() throws {
    let names = try list()
    var entries: [Int64] = []
    var summaryVersions: [Int64] = []
    for name in names {
      if let version = Ledger.entryVersion(ofName: name), version >= 0,
        "\(Ledger.folder)/\(name)" == Ledger.entryPath(version)
      {
        entries.append(version)
      } else if let version = Ledger.summaryVersion(ofName: name), version >= 0,
        "\(Ledger.folder)/\(name)" == Ledger.summaryPath(version)
      {
        summaryVersions.append(version)
      } else {
        foreignFiles.append("\(Ledger.folder)/\(name)")
      }
    }
    for version in summaryVersions { try read(summary: version) }
    judgeSummaries(summaryVersions, entries: entries)
    let present = Set(entries)
    end = (summaries.keys.max() ?? -1) + 1
    while present.contains(end) { end += 1 }
    try judgeHoles(entries, summaries: summaryVersions)
    base = findBase(present, summaries: summaryVersions)
    try replay(entries)
  }

  /// The oldest version whose state is known and after which every entry is there, among the two
  /// that entries are kept for; nil where there is none.
  private func findBase(_ present: Set<Int64>, summaries versions: [Int64]) -> Int64? {
    var first = end
    while present.contains(first - 1) { first -= 1 }
    if first == 0 { return -1 }
    let kept = versions.sorted().suffix(2).first ?? 0
    return summaries.keys.sorted().first { $0 + 1 >= first && $0 >= kept }
  }

  private mutating func replay(_ entries: [Int64]) throws {
    if let base, let summary = summaries[base] { state = summary.state }
    for version in entries {
      let isReplayed = base.map { version > $0 && version < end } ?? false
      let severity: Finding.Severity = isReplayed || base == nil ? .error : .warning
      guard let entry = try entry(version, severity), isReplayed else { continue }
      goOn(at: version)
      // After a fault nothing is known until the next summary.
      guard state.nextVersion == version else { continue }
      take(entry)
      if let summary = summaries[version] { compare(summary) }
    }
    goOn(at: end)
    isWhole = base != nil && state.nextVersion == end
  }

  /// Behind an entry that could not be taken: the state of a summary right before `version`, if
  /// there is one.
  private mutating func goOn(at version: Int64) {
    if state.nextVersion != version, let summary = summaries[version - 1] { state = summary.state }
  }

  private mutating func compare(_ summary: LedgerSummary) {
    guard state.nextVersion == summary.version + 1, state != summary.state else { return }
    findings.add(
      .error, .moves, .file(Ledger.summaryPath(summary.version)),
      "it says another state than the entries up to it: "
        + ChainDifference.sentence(of: summary.state, state),
      advice: "stop the pipeline and restore the ledger's files; a start would go on from it")
  }

  // MARK: - Files

  func list() throws(AuditError) -> [String] {
    do { return try storage.list(Ledger.folder) } catch { throw .storage(error) }
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    do throws(StorageError) {
      return try storage.read(path)
    } catch {
      if error.kind == .notFound { throw Moved() }
      throw AuditError.storage(error)
    }
  }

  private mutating func read(summary version: Int64) throws {
    let path = Ledger.summaryPath(version)
    let bytes = try bytes(path)
    do throws(LedgerError) {
      guard let summary = try LedgerSummary(parsing: bytes, path: path, version: version) else {
        findings.add(
          .warning, .moves, .file(path), "its checksum is not that of its content",
          advice: "recovery takes an older one; remove the file or restore it")
        return
      }
      summaries[version] = summary
    } catch {
      findings.add(.error, .moves, .file(path), "\(error)")
    }
    if let found = summaries[version]?.state.pipeline, found != pipeline {
      throw AuditError.otherPipeline(found: found, expected: pipeline)
    }
  }

  /// Reads an entry and judges what it says by itself; nil where it cannot be understood.
  private mutating func entry(
    _ version: Int64, _ severity: Finding.Severity
  ) throws -> LedgerEntry? {
    let path = Ledger.entryPath(version)
    let bytes = try bytes(path)
    let entry: LedgerEntry
    do throws(LedgerError) {
      entry = try LedgerEntry(parsing: bytes, path: path, version: version)
    } catch {
      findings.add(
        severity, .moves, .file(path), "\(error)",
        advice: "restore the file: what the tables hold of it cannot be checked without it")
      return nil
    }
    if entry.pipeline != pipeline {
      throw AuditError.otherPipeline(found: entry.pipeline, expected: pipeline)
    }
    judge(entry, path: path)
    digests.append(EntryDigest(entry))
    return entry
  }
}
