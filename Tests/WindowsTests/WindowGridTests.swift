import Testing

@testable import Windows

@Suite struct WindowGridTests {
  private func grid(_ sizes: [(Int64, Int64)]) -> WindowGrid {
    let definitions = sizes.map {
      WindowDefinition(name: "", sizeMicros: $0.0, slideMicros: $0.1)
    }
    return WindowGrid(
      definitions: definitions, mask: UInt64.max >> UInt64(64 - definitions.count))
  }

  @Test func `levels are a chain of multiples`() {
    #expect(grid([(60, 10), (300, 60), (3600, 300)]).widths == [10, 60, 300])
    #expect(grid([(60, 10), (60, 15)]).widths == [5, 10])
    #expect(grid([(25, 10)]).widths == [5])
    #expect(grid([(60, 60)]).widths == [60])
  }

  @Test func `a window is on the coarsest level that divides its width`() {
    #expect(grid([(60, 10), (300, 60), (3600, 300)]).windows.map(\.level) == [0, 1, 2])
    #expect(grid([(60, 10), (60, 15)]).windows.map(\.level) == [1, 0])
    #expect(grid([(60, 60), (120, 60)]).windows.map(\.level) == [0, 0])
  }

  @Test func `ends and starts are those of the windows, before 1970 too`() {
    let window = grid([(25, 10)]).windows[0]
    for time in Int64(-50)...50 {
      let ends = (-20...20).map { $0 * 10 + 25 }.filter { $0 > time }
      #expect(window.firstEnd(after: time) == ends.min())
      #expect(window.firstStart(keptAfter: time) == ends.min()! - 25)
    }
  }

  @Test func `the home of a reading is the finest level with a kept window around it`() {
    let grid = grid([(60, 10), (300, 60), (3600, 300)])
    for dropped in stride(from: Int64(9_990), through: 10_320, by: 10) {
      for time in stride(from: Int64(6_000), to: 10_400, by: 5) {
        let keeping = grid.windows.filter { window in
          (time / window.slide * window.slide + window.size) > dropped
        }
        let home = grid.homeLevel(of: time, droppedThrough: dropped)
        #expect(home == keeping.map(\.level).min(), "\(time) \(dropped)")
      }
    }
  }
}
