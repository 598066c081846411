import Base
package import DeltaLog

/// Which dates of a table are over for longer than its rows are kept, and in which commits their
/// files go. Pure.
///
/// A date is expired when its end lies `keep` or more behind now: `date + 1 day + keep ≤ now`, all
/// in UTC. Only whole dates go, so that no file is ever rewritten; a date is what stands in the
/// partition value, whatever rows are in it. Rows that come later for such a date are found by the
/// next pass.
package struct RetentionPlan: Sendable {
  /// The files of one commit, all of expired dates.
  package struct Batch: Sendable {
    /// Ascending; the last one may go on in the next batch.
    package var dates: [String]
    package var files: [LiveFile]

    package var byteCount: Int64 { files.reduce(0) { $0 + $1.byteCount } }

    /// For commitInfo, as a DELETE of another engine would have it. It holds of every file of the
    /// batch, and of no file of a date that is kept.
    package var predicate: String {
      guard let first = dates.first, let last = dates.last else { return "false" }
      return "event_date >= '\(first)' AND event_date <= '\(last)'"
    }
  }

  /// Some 350 bytes an action: a commit of this many is under two megabytes.
  package static let fileCountMax = 5000
  package static let column = "event_date"

  package let batches: [Batch]

  package var fileCount: Int { batches.reduce(0) { $0 + $1.files.count } }
  package var byteCount: Int64 { batches.reduce(0) { $0 + $1.byteCount } }
  package var dates: [String] { Array(Set(batches.flatMap(\.dates))).sorted() }

  /// - Parameters:
  ///   - files: live files of the table.
  ///   - isHeld: whether a date must stay for now, for another table's sake.
  package init(
    _ files: some Sequence<LiveFile>, keepMillis: Int64, nowMillis: Int64,
    fileCountMax: Int = RetentionPlan.fileCountMax, isHeld: (String) -> Bool = { _ in false }
  ) {
    let lastDay = Self.lastExpiredDay(keepMillis: keepMillis, nowMillis: nowMillis)
    var expired: [String: [LiveFile]] = [:]
    for file in files {
      guard let date = file.partitionValues[Self.column], let day = Self.day(of: date),
        day <= lastDay
      else { continue }
      expired[date, default: []].append(file)
    }
    var batches: [Batch] = []
    var batch = Batch(dates: [], files: [])
    for (date, files) in expired.sorted(by: { $0.key < $1.key }) where !isHeld(date) {
      for file in files {
        if batch.files.count == fileCountMax {
          batches.append(batch)
          batch = Batch(dates: [], files: [])
        }
        if batch.dates.last != date { batch.dates.append(date) }
        batch.files.append(file)
      }
    }
    if !batch.files.isEmpty { batches.append(batch) }
    self.batches = batches
  }

  /// The newest date that is expired, in days since 1970-01-01.
  package static func lastExpiredDay(keepMillis: Int64, nowMillis: Int64) -> Int64 {
    let (before, isOverflow) = nowMillis.subtractingReportingOverflow(max(0, keepMillis))
    if isOverflow { return .min }
    return Timestamp.floorDivide(before, by: Timestamp.microsPerDay / 1000) - 1
  }

  /// The day of `2026-11-21`; nil for anything else: what is no date is never expired.
  package static func day(of text: String) -> Int64? {
    let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    guard text.utf8.count == 10, parts.count == 3, parts[0].count == 4, parts[1].count == 2,
      parts[2].count == 2,
      parts.allSatisfy({ $0.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) }),
      let year = Int(String(decoding: Array(parts[0]), as: UTF8.self)),
      let month = Int(String(decoding: Array(parts[1]), as: UTF8.self)),
      let day = Int(String(decoding: Array(parts[2]), as: UTF8.self)), (1...12).contains(month),
      (1...Timestamp.dayCount(year: year, month: month)).contains(day)
    else { return nil }
    return Int64(Timestamp.day(year: year, month: month, day: day))
  }
}
