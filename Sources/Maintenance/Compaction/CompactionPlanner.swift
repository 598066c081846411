/// A live file as the planner of compaction sees it.
package struct CompactionCandidate: Sendable, Equatable {
  /// What the caller knows it by.
  package let index: Int
  /// The file's `event_date`: days since 1970-01-01.
  package let day: Int32
  package let byteCount: Int64
  /// Nil where the log does not say.
  package let rowCount: Int64?
  /// When it came into the table, milliseconds since 1970 by the wall clock.
  package let modifiedMillis: Int64
  /// Whether maintenance made it: it brought no rows of its own.
  package let isMerged: Bool
  /// Whether it is one that we may merge: ours, and readable as far as is known.
  package let isOurs: Bool

  package init(
    index: Int, day: Int32, byteCount: Int64, rowCount: Int64?, modifiedMillis: Int64,
    isMerged: Bool, isOurs: Bool
  ) {
    self.index = index
    self.day = day
    self.byteCount = byteCount
    self.rowCount = rowCount
    self.modifiedMillis = modifiedMillis
    self.isMerged = isMerged
    self.isOurs = isOurs
  }
}

/// Files of one date that become one.
package struct CompactionGroup: Sendable, Equatable {
  package let day: Int32
  /// `CompactionCandidate.index` of each, in the order in which they came into the table.
  package let members: [Int]
  package let byteCount: Int64
}

/// What is merged with what, and when: state in, plan out.
///
/// **When.** A date is *closed* when it is over (UTC) and nothing has come into it for `settle`:
/// its small files become as few as the target size allows. A date that is still open is merged
/// only where it has at least 64 small files older than `settle`, so that a day of commits every
/// ten seconds is quick to query at noon too: an hour of them (360) becomes one file, or a few.
///
/// **What.** A file below a quarter of the target is small; others are left alone for ever. (A
/// quarter, because files that are cut evenly have half the target at least, and what comes of
/// merging is often smaller than what went in.) A table with fewer than 32 small files is left
/// alone altogether: a reader opens so many in no time.
///
/// **How often.** A merge takes the smallest files of the date, as many as it can so that none of
/// them is larger than all the smaller ones together, files below 1 MiB counted as 1 MiB. So every
/// byte of a merge comes to lie in a file at least twice the size, and is rewritten at most
/// log2(small / 1 MiB) times after the first: with 256 MiB six times at worst, once as a rule. What
/// a merge of files below 1 MiB costs is at most 1 MiB for each file that it takes away.
///
/// **In which order.** Files that are merged lie together in the order in which they came into the
/// table, so that a merged file covers a stretch of commits, and queries for a time skip others.
package struct CompactionPlanner: Sendable {
  package static let openFileCountMin = 64
  package static let fanInMax = 1024
  /// Rows of a merged file at most: a survey of their keys is in memory.
  package static let rowCountMax: Int64 = 1 << 23
  private static let cheapByteCount: Int64 = 1 << 20

  /// How large a merged file aims to be.
  package let fileByteCount: Int64
  package let settleMillis: Int64
  package let nowMillis: Int64
  /// The day that it is, UTC.
  package let today: Int32
  /// Tables with fewer small files are left alone.
  package let tableFileCountMin: Int
  /// By hand: every small file is merged now, of open dates and of small tables too.
  package let isForced: Bool

  package init(
    fileByteCount: Int64, settleMillis: Int64, nowMillis: Int64, today: Int32,
    tableFileCountMin: Int = 32, isForced: Bool = false
  ) {
    self.tableFileCountMin = tableFileCountMin
    self.fileByteCount = fileByteCount
    self.settleMillis = settleMillis
    self.nowMillis = nowMillis
    self.today = today
    self.isForced = isForced
  }

  /// Whether a file may be merged with others.
  package func isSmall(_ file: CompactionCandidate) -> Bool {
    file.byteCount < max(1, fileByteCount / 4)
      && (file.rowCount ?? 0) < Self.rowCountMax / 2
  }

  /// The groups to merge now, the newest date's first: those are asked for most.
  /// - Parameter files: every live file, in the order in which they came into the table.
  package func groups(_ files: [CompactionCandidate]) -> [CompactionGroup] {
    var days: [Int32: [CompactionCandidate]] = [:]
    var smallCount = 0
    for file in files {
      days[file.day, default: []].append(file)
      if file.isOurs && isSmall(file) { smallCount += 1 }
    }
    if smallCount < tableFileCountMin, !isForced { return [] }
    return days.sorted { $0.key > $1.key }.flatMap { groups(of: $1) }
  }

  /// - Parameter files: of one date.
  private func groups(of files: [CompactionCandidate]) -> [CompactionGroup] {
    let settledBefore = nowMillis - settleMillis
    let isClosed =
      files[0].day < today
      && files.allSatisfy { $0.isMerged || $0.modifiedMillis <= settledBefore }
    var small = files.filter { $0.isOurs && isSmall($0) }
    if !isClosed && !isForced {
      small = small.filter { $0.isMerged || $0.modifiedMillis <= settledBefore }
    }
    let chosen = worthwhile(small)
    let countMin = isClosed || isForced ? 2 : Self.openFileCountMin
    if chosen.count < countMin { return [] }
    return cut(small.filter { chosen.contains($0.index) })
  }

  /// The files of the largest merge that makes each of them at least twice as large.
  private func worthwhile(_ files: [CompactionCandidate]) -> Set<Int> {
    let ascending = files.sorted { ($0.byteCount, $0.index) < ($1.byteCount, $1.index) }
    var total: Int64 = 0
    var count = 0
    for (place, file) in ascending.enumerated() {
      let cost = max(file.byteCount, Self.cheapByteCount)
      if cost <= total { count = place + 1 }
      total += cost
    }
    return Set(ascending.prefix(count).map(\.index))
  }

  /// Cuts files into groups of about the same size, each at most the target, unless the next file
  /// makes it a little more.
  private func cut(_ files: [CompactionCandidate]) -> [CompactionGroup] {
    let total = files.reduce(0) { $0 + $1.byteCount }
    let share = total / max(1, (total + fileByteCount - 1) / fileByteCount)
    var groups: [[CompactionCandidate]] = []
    var byteCount: Int64 = 0
    var rowCount: Int64 = 0
    for file in files {
      let rows = file.rowCount ?? 0
      let isFull =
        byteCount >= share || (groups.last?.count ?? 0) >= Self.fanInMax
        || rowCount + rows > Self.rowCountMax
      if groups.isEmpty || isFull {
        groups.append([])
        (byteCount, rowCount) = (0, 0)
      }
      groups[groups.count - 1].append(file)
      byteCount += file.byteCount
      rowCount += rows
    }
    return groups.filter { $0.count > 1 }.map { members in
      CompactionGroup(
        day: members[0].day, members: members.map(\.index),
        byteCount: members.reduce(0) { $0 + $1.byteCount })
    }
  }
}
