import Glibc
import Testing

@testable import downlinkd

@Suite struct DemoCourseTests {
  private typealias View = DemoCourse.View
  private static let second: Int64 = 1_000_000_000
  private static let killed = ProcessEnding.signal(SIGKILL)

  /// A course that has come to the stage of catching up at 100 s.
  private func catchingUp() -> DemoCourse {
    var course = DemoCourse(kills: false)
    _ = course.advance(View(nowNanos: 100 * Self.second, isSenderDone: true))
    #expect(course.stage == .catchingUp)
    return course
  }

  @Test func `it sends, catches up, stops the pipeline and is done`() {
    var course = DemoCourse(kills: false)
    #expect(course.advance(View(nowNanos: 0, sentShare: 0.5, hasCommitted: true)) == [])
    #expect(course.advance(View(nowNanos: 1, sentShare: 1, isSenderDone: true)) == [])
    #expect(course.stage == .catchingUp)
    #expect(course.advance(View(nowNanos: 2, isSenderDone: true)) == [])
    #expect(
      course.advance(View(nowNanos: 3, isSenderDone: true, isCaughtUp: true)) == [.stopPipeline])
    #expect(course.advance(View(nowNanos: 4)) == [])
    #expect(
      course.advance(View(nowNanos: 5, ending: .exit(code: 0)))
        == [.stopSending, .finish(.complete)])
    #expect(course.stage == .over && course.restartCount == 0 && !course.isStoppedEarly)
    #expect(course.advance(View(nowNanos: 6)) == [])
  }

  @Test func `the kill comes once, when half is sent and something committed`() {
    var course = DemoCourse(kills: true)
    #expect(course.advance(View(nowNanos: 0, sentShare: 0.4, hasCommitted: true)) == [])
    #expect(course.advance(View(nowNanos: 1, sentShare: 0.6)) == [])
    let view = View(nowNanos: 2, sentShare: 0.6, hasCommitted: true)
    #expect(course.advance(view) == [.killPipeline])
    #expect(course.advance(view) == [])
    var dead = view
    dead.ending = Self.killed
    #expect(course.advance(dead) == [.startPipeline])
    #expect(course.advance(view) == [])
    #expect(course.restartCount == 1 && course.killCount == 1)
  }

  @Test func `a pipeline killed by others is started again, at any stage`() {
    var course = DemoCourse(kills: false)
    #expect(course.advance(View(nowNanos: 0, ending: Self.killed)) == [.startPipeline])
    course = catchingUp()
    #expect(
      course.advance(View(nowNanos: 180 * Self.second, isSenderDone: true, ending: Self.killed))
        == [.startPipeline])
    // And gets its time again.
    #expect(course.advance(View(nowNanos: 200 * Self.second, isSenderDone: true)) == [])
  }

  @Test func `a pipeline killed on its way out has to settle what it owes the tables`() {
    var course = catchingUp()
    let done = View(nowNanos: 101 * Self.second, isSenderDone: true, isCaughtUp: true)
    #expect(course.advance(done) == [.stopPipeline])
    var killed = done
    killed.ending = Self.killed
    #expect(course.advance(killed) == [.startPipeline])
    #expect(course.stage == .catchingUp)
  }

  @Test func `asked to stop, it silences the fleet and gives what is on its way a moment`() {
    var course = DemoCourse(kills: true)
    #expect(course.advance(View(nowNanos: 0, stopCount: 1, sentShare: 0.3)) == [.stopSending])
    #expect(course.isStoppedEarly)
    #expect(course.advance(View(nowNanos: 1, stopCount: 1)) == [])
    let late = View(nowNanos: 16 * Self.second, stopCount: 1, isSenderDone: true)
    #expect(course.advance(late) == [.stopPipeline])
    #expect(
      course.advance(View(nowNanos: 17 * Self.second, stopCount: 1, ending: .exit(code: 0)))
        == [.stopSending, .finish(.incomplete)])
  }

  @Test func `asked twice, it waits for nothing but the pipeline's end`() {
    var course = DemoCourse(kills: false)
    #expect(course.advance(View(nowNanos: 0, stopCount: 2)) == [.stopSending])
    #expect(course.advance(View(nowNanos: 1, stopCount: 2)) == [.stopPipeline])
    #expect(
      course.advance(View(nowNanos: 2, stopCount: 2, ending: Self.killed))
        == [.stopSending, .finish(.incomplete)])
  }

  @Test func `a request to stop while it catches up shortens the wait`() {
    var course = catchingUp()
    let asked = View(nowNanos: 110 * Self.second, stopCount: 1, isSenderDone: true)
    #expect(course.advance(asked) == [])
    let late = View(nowNanos: 126 * Self.second, stopCount: 1, isSenderDone: true)
    #expect(course.advance(late) == [.stopPipeline])
  }

  @Test func `a pipeline that never catches up is stopped all the same`() {
    var course = catchingUp()
    #expect(course.advance(View(nowNanos: 189 * Self.second, isSenderDone: true)) == [])
    #expect(
      course.advance(View(nowNanos: 191 * Self.second, isSenderDone: true)) == [.stopPipeline])
    #expect(
      course.advance(View(nowNanos: 192 * Self.second, ending: .exit(code: 0))).last
        == .finish(.incomplete))
  }

  @Test func `a refused configuration is not tried again`() {
    var course = DemoCourse(kills: false)
    let orders = course.advance(View(nowNanos: 0, ending: .exit(code: 78)))
    #expect(orders == [.stopSending, .finish(.failed("the pipeline refused its configuration"))])
  }

  @Test func `a pipeline that ends before it commits anything is given up`() throws {
    var course = DemoCourse(kills: false)
    let ended = View(nowNanos: 0, ending: .exit(code: 69))
    for _ in 0..<4 { #expect(course.advance(ended) == [.startPipeline]) }
    guard case .finish(.failed(let reason)) = try #require(course.advance(ended).last) else {
      Issue.record("it goes on for ever")
      return
    }
    #expect(reason.contains("exit code 69"))
  }

  @Test func `one that commits between its deaths is not`() {
    var course = DemoCourse(kills: false)
    let killed = View(nowNanos: 0, hasCommitted: true, ending: Self.killed)
    for _ in 0..<50 { #expect(course.advance(killed) == [.startPipeline]) }
  }

  @Test func `a pipeline that does not end is ended by force, and that is a failure`() {
    var course = catchingUp()
    let done = View(nowNanos: 101 * Self.second, isSenderDone: true, isCaughtUp: true)
    #expect(course.advance(done) == [.stopPipeline])
    #expect(course.advance(View(nowNanos: 132 * Self.second)) == [.endPipelineByForce])
    #expect(course.advance(View(nowNanos: 133 * Self.second)) == [])
    let orders = course.advance(View(nowNanos: 134 * Self.second, ending: Self.killed))
    guard case .finish(.failed) = orders.last else {
      Issue.record("\(orders)")
      return
    }
  }

  @Test func `endings are read from wait statuses`() {
    #expect(ProcessEnding(waitStatus: 0) == .exit(code: 0))
    #expect(ProcessEnding(waitStatus: 78 << 8) == .exit(code: 78))
    #expect(ProcessEnding(waitStatus: SIGKILL) == Self.killed)
    // With a core dump.
    #expect(ProcessEnding(waitStatus: SIGILL | 0x80) == .signal(SIGILL))
    #expect("\(Self.killed)" == "was killed (SIGKILL)")
  }
}
