import Base
import DeltaLog
import Storage
import TableReading
import Testing
import Windows

@Suite struct WindowHistoryTests {
  private static let windows = [
    WindowDefinition(name: "10m", sizeMicros: 10 * minute, slideMicros: 10 * minute),
    WindowDefinition(
      name: "1m", sizeMicros: minute, slideMicros: minute, metricGlobs: ["m*"]),
    WindowDefinition(
      name: "counts", sizeMicros: second, slideMicros: second, aggregates: [.count]),
  ]

  private static func history(_ root: WindowsRoot) -> WindowHistory {
    WindowHistory(
      table: FollowedTable(
        name: "windows", storage: root.storage, timeColumn: "window_start"),
      storage: root.storage, windows: ["s": windows])
  }

  private static func question(
    _ device: String = "a", metric: String = "m", at micros: Int64 = noon
  ) -> WindowHistory.Question {
    .init(source: "s", device: device, metric: metric, atMicros: micros)
  }

  private static func rows(
    _ device: String, _ minutes: Range<Int64>, revision: Int32 = 0, mean: Double = 1
  ) -> [WindowRow] {
    minutes.map {
      WindowRow(
        device: device, start: noon + $0 * minute, revision: revision, mean: mean + Double($0))
    }
  }

  @Test func `the windows of the smallest definition around the time, the newest revision`()
    throws
  {
    let root = try WindowsRoot()
    try root.commit(Self.rows("a", -200..<200) + Self.rows("b", -5..<5))
    try root.commit([
      WindowRow(device: "a", start: noon, revision: 1, mean: 50),
      WindowRow(device: "a", metric: "m2", start: noon, revision: 9, mean: 60),
      WindowRow(device: "a", window: "10m", start: noon, revision: 9, mean: 70),
      WindowRow(source: "t", device: "a", start: noon, revision: 9, mean: 80),
      WindowRow(device: "a", start: noon + minute, mean: nil),
    ])
    // An older revision in a later commit.
    try root.commit([WindowRow(device: "a", start: noon, mean: 7)])
    let answer = Self.history(root).answer(to: Self.question(), withinMillis: 60_000)
    #expect(answer.isComplete && answer.reason == nil && answer.windowName == "1m")
    #expect(answer.points.count == WindowHistory.pointCountMax)
    #expect(answer.points.first?.startMicros == noon - 72 * minute)
    #expect(answer.points.last?.startMicros == noon + 35 * minute)
    let point = try #require(answer.points.first { $0.startMicros == noon })
    #expect(point.endMicros == noon + minute)
    #expect((point.mean, point.min, point.max) == (50, 49, 51))
    #expect(answer.points.first { $0.startMicros == noon + minute }?.mean == nil)
    #expect(answer.points[0].mean == -71)
  }

  @Test func `files that cannot hold the device are not opened, and none twice`() throws {
    let root = try WindowsRoot()
    for number in 0..<10 { try root.commit(Self.rows("d\(number)", 0..<1)) }
    try root.commit(Self.rows("a", -1000..<(-900)))
    let history = Self.history(root)
    func reads(_ body: () -> Void) -> Int {
      let before = root.storage.count(of: .read)
      body()
      return root.storage.count(of: .read) - before
    }
    var answer: WindowHistory.Answer?
    func ask() { answer = history.answer(to: Self.question("d3"), withinMillis: 60_000) }
    // 12 commits and the number behind them; 10 adds again; one file.
    #expect(reads(ask) == 13 + 10 + 1)
    #expect(answer?.points.count == 1)
    #expect(reads(ask) == 1, "only whether there is a new commit")
    try root.commit(Self.rows("d3", 1..<2))
    #expect(reads(ask) == 2 + 1 + 1)
    #expect(answer?.points.map(\.mean) == [1, 2])
  }

  @Test func `who has no time gets a reason, and the rest when asking again`() throws {
    let root = try WindowsRoot()
    for number in Int64(0)..<5 { try root.commit(Self.rows("a", number..<number + 1)) }
    let history = Self.history(root)
    var answer = history.answer(to: Self.question(), withinMillis: 0)
    #expect(!answer.isComplete && answer.reason?.contains("ask again") == true)
    #expect(answer.points.isEmpty && !answer.span.isEmpty)
    answer = history.answer(to: Self.question(), withinMillis: 60_000)
    #expect(answer.isComplete && answer.points.count == 5)
  }

  @Test func `what no window covers, and what nothing is known of, has a reason`() throws {
    let root = try WindowsRoot()
    let history = Self.history(root)
    var other = Self.question()
    other.source = "t"
    var answer = history.answer(to: other, withinMillis: 100)
    #expect(answer.windowName == nil && answer.reason?.contains("no window") == true)
    answer = history.answer(to: Self.question(metric: "x"), withinMillis: 60_000)
    #expect(answer.windowName == "10m", "one second counts, but has nothing to draw")
    #expect(answer.isComplete && answer.reason?.contains("no window of it") == true)
    let nowhere = WindowHistory(
      table: FollowedTable(name: "windows", storage: MemoryStorage()), storage: MemoryStorage(),
      windows: ["s": Self.windows])
    #expect(nowhere.answer(to: Self.question(), withinMillis: 1000).points.isEmpty)
    for time in [Int64.min, Int64.max] {
      #expect(history.answer(to: Self.question(at: time), withinMillis: 1000).points.isEmpty)
    }
  }

  @Test func `after a rewrite by others the originals are read, while they are there`() throws {
    let root = try WindowsRoot()
    let first = try root.commit(Self.rows("a", 0..<2))
    let second = try root.commit(Self.rows("a", 2..<4))
    let history = Self.history(root)
    #expect(history.answer(to: Self.question(), withinMillis: 60_000).points.count == 4)
    let whole = try root.foreignFile(of: Self.rows("a", 0..<4))
    try root.rewrite(first + second, as: [whole])
    #expect(history.answer(to: Self.question(), withinMillis: 60_000).isComplete)
    var fresh = Self.history(root).answer(to: Self.question(), withinMillis: 60_000)
    #expect(fresh.isComplete && fresh.points.count == 4)
    // Rewritten again, and what was there first is vacuumed.
    let again = try root.foreignFile(of: Self.rows("a", 0..<4))
    try root.rewrite([whole], as: [again])
    fresh = Self.history(root).answer(to: Self.question(), withinMillis: 60_000)
    #expect(fresh.isComplete && fresh.points.count == 4)
    for file in first { try root.storage.delete(WindowsRoot.folder + "/" + file.path) }
    fresh = Self.history(root).answer(to: Self.question(), withinMillis: 60_000)
    #expect(!fresh.isComplete && fresh.points.count == 2)
    #expect(fresh.reason?.contains("1 files could not be read") == true, "\(fresh)")
  }

  @Test func `rows that somebody deleted are gone`() throws {
    let root = try WindowsRoot()
    let first = try root.commit(Self.rows("a", 0..<2))
    try root.commit(Self.rows("a", 2..<4))
    let history = Self.history(root)
    #expect(history.answer(to: Self.question(), withinMillis: 60_000).points.count == 4)
    try root.put(first.map { WindowsRoot.remove($0, change: true) })
    let answer = history.answer(to: Self.question(), withinMillis: 60_000)
    let starts = [2, 3].map { noon + $0 * minute }
    #expect(answer.isComplete && answer.points.map(\.startMicros) == starts)
  }

  @Test func `damaged files make the answer incomplete and nothing else`() throws {
    let root = try WindowsRoot()
    try root.commit(Self.rows("a", 0..<2))
    let file = try root.files(Self.rows("a", 2..<4))[0]
    try root.put([file.action])
    let path = WindowsRoot.folder + "/" + file.path
    var bytes = try root.storage.read(path)
    try root.storage.delete(path)
    bytes.removeLast(30)
    _ = try root.storage.putIfAbsent(path, bytes)
    let answer = Self.history(root).answer(to: Self.question(), withinMillis: 60_000)
    #expect(!answer.isComplete && answer.points.count == 2 && answer.reason?.isEmpty == false)
  }

  @Test func `several questions are answered in their order`() async throws {
    let root = try WindowsRoot()
    try root.commit(["a", "b", "c"].flatMap { Self.rows($0, 0..<3) })
    let history = Self.history(root)
    let answers = await history.answers(
      to: ["c", "x", "a"].map { Self.question($0) }, withinMillis: 60_000)
    #expect(answers.map(\.points.count) == [3, 0, 3])
    #expect(await history.answers(to: [], withinMillis: 0).isEmpty)
  }

  @Test(arguments: UInt64(1)...UInt64(20))
  func `it finds what a look at every row finds`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let root = try WindowsRoot()
    let history = Self.history(root)
    var best: [String: [Int64: WindowRow]] = [:]
    for _ in 0..<12 {
      var rows: [WindowRow] = []
      for _ in 0..<Int.random(in: 1...60, using: &random) {
        let device = ["a", "b", "bb", "c"].randomElement(using: &random)!
        let start = noon + Int64.random(in: -1000...1000, using: &random) * minute
        let row = WindowRow(
          device: device, start: start, revision: Int32.random(in: 0...3, using: &random),
          mean: Double.random(in: 0..<1, using: &random))
        if rows.contains(where: { $0.device == device && $0.start == start }) { continue }
        rows.append(row)
        if let known = best[device]?[start], known.revision > row.revision { continue }
        best[device, default: [:]][start] = row
      }
      try root.commit(rows, rowGroupRowCount: Int.random(in: 1...20, using: &random))
      let device = ["a", "b", "bb", "c"].randomElement(using: &random)!
      let at = noon + Int64.random(in: -2...2, using: &random) * 400 * minute
      let answer = history.answer(to: Self.question(device, at: at), withinMillis: 60_000)
      let expected = (best[device] ?? [:]).values.filter { answer.span.contains($0.start) }
        .sorted { $0.start < $1.start }
      #expect(answer.isComplete, "seed \(seed): \(answer.reason ?? "")")
      #expect(answer.points.map(\.startMicros) == expected.map(\.start), "seed \(seed)")
      #expect(answer.points.map(\.mean) == expected.map(\.mean), "seed \(seed)")
    }
  }
}
