import Base
import Testing

@testable import Maintenance

@Suite struct MaintenancePaceTests {
  @Test func `bytes beyond the rate are slept off`() throws {
    let pace = MaintenancePace(bytesPerSecond: 1_000_000)
    let begun = MonotonicClock.nowNanos()
    // A quarter of a second is saved up, so that half a second of bytes takes a quarter.
    for _ in 0..<5 { try pace.took(byteCount: 100_000) }
    #expect(MonotonicClock.nowNanos() - begun >= 240_000_000)
  }

  @Test func `the end is met in the midst of a rest`() throws {
    let pace = MaintenancePace(bytesPerSecond: 1)
    let thread = WorkerThread(name: "ends") { pace.end() }
    let error = #expect(throws: MaintenanceFault.self) { try pace.took(byteCount: 1000) }
    thread.join()
    #expect(error?.description == "stopped")
    #expect(throws: MaintenanceFault.self) { try pace.check() }
  }

  @Test func `without a rate nobody sleeps`() throws {
    let pace = MaintenancePace(bytesPerSecond: nil)
    let begun = MonotonicClock.nowNanos()
    for _ in 0..<1000 { try pace.took(byteCount: 1 << 30) }
    #expect(MonotonicClock.nowNanos() - begun < 1_000_000_000)
  }

  @Test func `a look that took long and found nothing is not made again soon`() {
    var memory = TableMemory()
    let now = MonotonicClock.nowNanos()
    #expect(memory.isLookDue("compaction"))
    memory.noteVainLook("compaction", sinceNanos: now - 1_000_000_000)
    #expect(!memory.isLookDue("compaction") && memory.isLookDue("retention"))
    memory.noteVainLook("compaction", sinceNanos: MonotonicClock.nowNanos())
    #expect(memory.isLookDue("compaction"))
  }
}
