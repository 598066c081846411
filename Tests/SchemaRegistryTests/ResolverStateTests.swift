import Decode
import Testing

@testable import SchemaRegistry

@Suite struct ResolverStateTests {
  private static let second: Int64 = 1_000_000_000
  private static let schema = SchemaAnswer.otherKind("AVRO")

  @Test func `ids are asked in the order in which they were needed, each once`() {
    var state = ResolverState(place: "here")
    #expect(state.next(nowNanos: 0) == .wait(untilNanos: nil))
    for id in [7, 5, 7, 9, 5] as [Int32] { #expect(state.answer(for: id, nowNanos: 0) == nil) }
    for id in [7, 5, 9] as [Int32] {
      #expect(state.next(nowNanos: 1) == .ask(id))
      state.take(Self.schema, for: id, nowNanos: 1)
    }
    #expect(state.next(nowNanos: 1) == .wait(untilNanos: nil))
    #expect(state.answer(for: 5, nowNanos: 2) == Self.schema)
    #expect(state.next(nowNanos: 2) == .wait(untilNanos: nil))
    #expect(state.account.answeredCount == 3)
    #expect(state.account.knownIDCount == 3)
  }

  @Test func `not found is believed when it was said twice, and for a minute`() {
    var state = ResolverState(place: "")
    _ = state.answer(for: 7, nowNanos: 0)
    state.takeNotFound(7, nowNanos: 0)
    #expect(state.answer(for: 7, nowNanos: 1) == nil)
    #expect(state.next(nowNanos: 1) == .wait(untilNanos: Self.second))
    #expect(state.next(nowNanos: Self.second) == .ask(7))
    state.takeNotFound(7, nowNanos: Self.second)
    #expect(state.answer(for: 7, nowNanos: Self.second) == .notFound)
    #expect(state.next(nowNanos: Self.second) == .wait(untilNanos: nil))
    #expect(state.answer(for: 7, nowNanos: 60 * Self.second) == .notFound)
    // Then it is asked for again, and may be there.
    #expect(state.answer(for: 7, nowNanos: 61 * Self.second) == nil)
    #expect(state.next(nowNanos: 61 * Self.second) == .ask(7))
    state.take(Self.schema, for: 7, nowNanos: 61 * Self.second)
    #expect(state.answer(for: 7, nowNanos: 61 * Self.second) == Self.schema)
  }

  @Test func `a doubted id holds up no other`() {
    var state = ResolverState(place: "")
    _ = state.answer(for: 7, nowNanos: 0)
    state.takeNotFound(7, nowNanos: 0)
    _ = state.answer(for: 8, nowNanos: 0)
    #expect(state.next(nowNanos: 1) == .ask(8))
  }

  @Test func `failures make all wait, longer from time to time, and never for ever`() {
    var state = ResolverState(place: "")
    _ = state.answer(for: 7, nowNanos: 0)
    var now: Int64 = 0
    var pauses: [Int64] = []
    for _ in 0..<12 {
      #expect(state.next(nowNanos: now) == .ask(7))
      state.takeFailure("away", jitter: 0.5, nowNanos: now)
      guard case .wait(let until?) = state.next(nowNanos: now) else {
        Issue.record("a failure is followed by a pause")
        return
      }
      pauses.append(until - now)
      now = until
    }
    #expect(pauses[0] == 100_000_000)
    #expect(pauses[1] == 200_000_000)
    #expect(pauses.last == 10 * Self.second)
    #expect(state.account.trouble == "away")
    #expect(state.account.failedCount == 12)
    state.take(Self.schema, for: 7, nowNanos: now)
    #expect(state.account.trouble == nil)
    // The next failure begins anew.
    _ = state.answer(for: 8, nowNanos: now)
    state.takeFailure("away", jitter: 0, nowNanos: now)
    #expect(state.next(nowNanos: now) == .wait(untilNanos: now + 75_000_000))
  }

  @Test func `a registry that answers not found is not in trouble`() {
    var state = ResolverState(place: "")
    _ = state.answer(for: 7, nowNanos: 0)
    state.takeFailure("away", jitter: 0, nowNanos: 0)
    state.takeNotFound(7, nowNanos: 1)
    #expect(state.account.trouble == nil)
    #expect(state.account.notFoundCount == 1)
  }

  @Test func `time counts as waited while anything is asked for`() {
    var state = ResolverState(place: "")
    #expect(state.account(nowNanos: 5).waitNanos == 0)
    _ = state.answer(for: 7, nowNanos: 10)
    _ = state.answer(for: 8, nowNanos: 15)
    #expect(state.account(nowNanos: 20).waitNanos == 10)
    state.take(Self.schema, for: 7, nowNanos: 20)
    state.take(Self.schema, for: 8, nowNanos: 30)
    #expect(state.account(nowNanos: 100).waitNanos == 20)
  }

  @Test func `ids that nobody has do not gather without end`() {
    var state = ResolverState(place: "")
    for id in 0..<Int32(ResolverState.notFoundCountMax + 5) {
      _ = state.answer(for: id, nowNanos: 0)
      state.takeNotFound(id, nowNanos: 0)
      state.takeNotFound(id, nowNanos: Self.second)
    }
    #expect(state.answer(for: 1, nowNanos: Self.second) == nil)
    #expect(
      state.answer(for: Int32(ResolverState.notFoundCountMax + 1), nowNanos: Self.second)
        == .notFound)
  }
}
