import Base
import DeltaLog
import Parquet
import Storage
import Windows

/// The search for the points of one question: what was found, and what is still to be read.
///
/// Files are read from the newest commit to the oldest; each is skipped by its date, its bounds in
/// the log, and its row groups' bounds, in this order.
struct HistorySearch: Sendable {
  /// Bounds of all reading for one question.
  private static let fileCountMax = 4000
  private static let byteCountMax = 256 << 20
  /// Larger files are read by parts.
  private static let wholeByteCountMax: Int64 = 4 << 20
  /// A larger row group is not decoded for a picture.
  private static let rowGroupRowCountMax = 4_000_000
  private static let columns = [
    "source", "device_id", "metric", "window_name", "window_start", "window_end", "revision",
    "mean", "min", "max",
  ]

  private let question: WindowHistory.Question
  private let window: WindowDefinition
  private let span: Range<Int64>
  /// By start, with what makes a row newer than another.
  private var found: [Int64: (revision: Int64, version: Int64, point: WindowHistory.Point)] = [:]
  /// The table's version that `pending` knows of; -1 before the first look.
  private var seenVersion: Int64 = -1
  /// The newest commit's first.
  private var pending: [TableFollower.File] = []
  /// Rewrites whose originals are read in their stead.
  private var undone: Set<Int64> = []
  private var fileCount = 0
  private var byteCount = 0
  /// Files that cannot be read, and why the last one cannot.
  private var unreadableCount = 0
  private var trouble: String?
  private var isFollowing = false
  /// A file was gone: the table was rewritten meanwhile.
  private var isStale = false

  init(_ question: WindowHistory.Question, _ window: WindowDefinition) {
    self.question = question
    self.window = window
    let slide = window.slideMicros
    // Far from where sums overflow: nobody's telemetry is 18,000 years from now.
    let limit = Int64(1) << 59
    let middle = Timestamp.floor(min(max(question.atMicros, -limit), limit), toMultipleOf: slide)
    let (before, overflow) = slide.multipliedReportingOverflow(
      by: Int64(WindowHistory.beforeCountMax))
    let after = overflow ? limit : slide &* Int64(WindowHistory.afterCountMax)
    let (start, isLow) = middle.subtractingReportingOverflow(overflow ? limit : before)
    let (end, isHigh) = middle.addingReportingOverflow(after)
    span = (isLow ? -2 * limit : start)..<(isHigh ? 2 * limit : end)
  }

  // MARK: - Reading

  /// Reads until everything is read or the time is over.
  mutating func read(
    _ table: FollowedTable, _ storage: any Storage, untilNanos deadline: Int64
  ) {
    let left = (deadline - MonotonicClock.nowNanos()) / 2_000_000
    isFollowing = !table.follow(forMillis: Int(max(left, 0)))
    trouble = table.trouble
    table.withFollower { look(at: $0) }
    while let file = pending.first, MonotonicClock.nowNanos() < deadline, hasBudget {
      pending.removeFirst()
      fileCount += 1
      let action = table.withFollower { follower in try? follower.add(of: file) }
      guard let action else {
        giveUp(file, "the commit that named it is gone")
        continue
      }
      guard action.mayHold(Array(question.device.utf8), in: "device_id") else { continue }
      do throws(StoredTableError) {
        try read(action.path, of: file, storage)
      } catch {
        if error.isUnsupported, undo(file, table) { continue }
        giveUp(file, error.description)
        if !((try? storage.exists(action.path)) ?? true) { isStale = true }
      }
    }
  }

  private var hasBudget: Bool {
    fileCount < Self.fileCountMax && byteCount < Self.byteCountMax
  }

  private mutating func giveUp(_ file: TableFollower.File, _ reason: String) {
    unreadableCount += 1
    trouble = reason
  }

  /// Takes what has come into the table since the last look; begins anew where rows have gone.
  private mutating func look(at follower: TableFollower) {
    if isStale || follower.rowsChangedVersion > seenVersion || follower.version < seenVersion {
      let (question, window) = (question, window)
      self = HistorySearch(question, window)
    }
    if follower.version == seenVersion { return }
    let times = span.lowerBound...(span.upperBound - 1)
    let news = follower.files(times: times, after: seenVersion)
    // What a rewrite moved was read, or waits to be read, where it stood.
    pending.insert(contentsOf: seenVersion < 0 ? news : news.filter { !$0.isRewrite }, at: 0)
    seenVersion = follower.version
  }

  /// Puts the files that a rewrite has replaced in the place of a file that cannot be read.
  private mutating func undo(_ file: TableFollower.File, _ table: FollowedTable) -> Bool {
    if !undone.insert(file.version).inserted { return file.isRewrite }
    let times = span.lowerBound...(span.upperBound - 1)
    let originals = table.withFollower { $0.filesReplaced(in: file.version) }
    pending.insert(contentsOf: originals.filter { $0.mayHold(times) }, at: 0)
    return !originals.isEmpty
  }

  private mutating func read(
    _ path: String, of file: TableFollower.File, _ storage: any Storage
  ) throws(StoredTableError) {
    let rows = try StoredRows(
      path, storage, wholeByteCountMax: Self.wholeByteCountMax,
      rowGroupRowCountMax: Self.rowGroupRowCountMax)
    byteCount += Int(min(file.byteCount, Self.wholeByteCountMax))
    let device = Array(question.device.utf8)
    for group in 0..<rows.rowGroupCount where mayHold(rows, group, device) {
      byteCount += rows.byteCount(of: Self.columns, rowGroup: group)
      var wanted = try rows.rows("device_id", equal: device, rowGroup: group)
      if wanted.isEmpty { continue }
      for (name, text) in [
        ("metric", question.metric), ("window_name", window.name), ("source", question.source),
      ] {
        let matching = try rows.rows(name, equal: Array(text.utf8), rowGroup: group)
        wanted = Self.intersection(wanted, matching)
      }
      try take(wanted, of: rows, group, file)
    }
  }

  private func mayHold(_ rows: StoredRows, _ group: Int, _ device: [UInt8]) -> Bool {
    if let devices = rows.statistics("device_id", rowGroup: group),
      case .bytes(let low)? = devices.min, case .bytes(let high)? = devices.max,
      device.lexicographicallyPrecedes(low) || high.lexicographicallyPrecedes(device)
    {
      return false
    }
    if let starts = rows.statistics("window_start", rowGroup: group),
      case .integer(let low)? = starts.min, case .integer(let high)? = starts.max,
      low >= span.upperBound || high < span.lowerBound
    {
      return false
    }
    return true
  }

  private mutating func take(
    _ wanted: [Int], of rows: StoredRows, _ group: Int, _ file: TableFollower.File
  ) throws(StoredTableError) {
    if wanted.isEmpty { return }
    let starts = try rows.integers("window_start", rowGroup: group)
    let ends = try rows.integers("window_end", rowGroup: group)
    let revisions = try rows.integers("revision", rowGroup: group)
    let means = try rows.doubles("mean", rowGroup: group)
    let lows = try rows.doubles("min", rowGroup: group)
    let highs = try rows.doubles("max", rowGroup: group)
    for row in wanted {
      guard let start = starts[row], span.contains(start), let end = ends[row] else { continue }
      let revision = revisions[row] ?? 0
      if let known = found[start], (known.revision, known.version) >= (revision, file.version) {
        continue
      }
      let point = WindowHistory.Point(
        startMicros: start, endMicros: end, mean: means[row], min: lows[row], max: highs[row])
      found[start] = (revision, file.version, point)
    }
  }

  /// Of two ascending lists.
  private static func intersection(_ left: [Int], _ right: [Int]) -> [Int] {
    let others = Set(right)
    return left.filter { others.contains($0) }
  }

  // MARK: - Answer

  /// What is known by now.
  var answer: WindowHistory.Answer {
    // Another program may have put rows between the window's starts.
    let points = found.values.map(\.point).sorted { $0.startMicros < $1.startMicros }
      .suffix(WindowHistory.pointCountMax)
    let reason = shortfall
    return WindowHistory.Answer(
      windowName: window.name, span: span, points: Array(points), isComplete: reason == nil,
      reason: reason ?? (points.isEmpty ? "the table has no window of it around that time" : nil))
  }

  private var shortfall: String? {
    if seenVersion < 0 { return trouble ?? "the log of the table has not been read yet" }
    if isFollowing { return "the log of the table is being read; ask again" }
    if !pending.isEmpty {
      return hasBudget
        ? "\(pending.count) files are still to be read; ask again"
        : "there are too many files: the newest \(fileCount) were read"
    }
    if unreadableCount > 0, let trouble {
      return "\(unreadableCount) files could not be read, the last because \(trouble)"
    }
    return trouble
  }
}
