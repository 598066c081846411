import Base
import Status

/// Requests to read the configuration again, by signal or by order, in the order in which they
/// came: one after the other is answered, the same way.
final class ReloadQueue: Sendable {
  /// What became of a request: the answer, and whether by now all of it holds.
  struct Outcome: Sendable {
    var answer: ReloadAnswer
    var isInForce: @Sendable () -> Bool
  }

  struct Request: Sendable {
    /// Nil of a signal, which nobody waits for.
    let reply: (@Sendable (Outcome) -> Void)?
  }

  /// Ends after `finish`, with what was posted before.
  let requests: AsyncStream<Request>
  private let continuation: AsyncStream<Request>.Continuation
  private let hasEnded = Monitor(false)

  private static let lookMillis = 50

  init() { (requests, continuation) = AsyncStream.makeStream(of: Request.self) }

  /// Nobody waits for what becomes of it.
  func post() { continuation.yield(Request(reply: nil)) }

  /// Nothing more is answered: the service ends.
  func finish() {
    hasEnded.update { $0 = true }
    continuation.finish()
  }

  /// Posts an order and waits until it is decided and then, within `patience` of the order, until
  /// it holds.
  func order(patience: Duration) async -> ReloadAnswer {
    let deadline = ContinuousClock.now + patience
    var outcome = await withCheckedContinuation { waiting in
      let request = Request { waiting.resume(returning: $0) }
      if case .terminated = continuation.yield(request) { waiting.resume(returning: .ending) }
    }
    while !outcome.answer.isInForce, outcome.answer.isAccepted, ContinuousClock.now < deadline,
      !hasEnded.update({ $0 })
    {
      outcome.answer.isInForce = outcome.isInForce()
      // Who is cancelled has nobody left to tell.
      do { try await Task.sleep(for: .milliseconds(Self.lookMillis)) } catch { break }
    }
    return outcome.answer
  }
}

extension ReloadQueue.Outcome {
  static let ending = Self(
    answer: ReloadAnswer(
      isAccepted: false, isInForce: false, detail: "the service is being stopped",
      reasons: ["the service is being stopped"]),
    isInForce: { false })
}
