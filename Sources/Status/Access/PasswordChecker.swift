import NIOPosix
import Synchronization

/// Checks passwords against bcrypt hashes, which is slow on purpose: on threads of its own, one at
/// a time, and no more than so many may wait.
///
/// What was right once is remembered by a quick hash under a salt of this process, so that a
/// scraper costs a quarter of a second once and a millisecond from then on. The quick ones have a
/// thread to themselves: who tries wrong passwords waits for the like, not those who are known.
final class PasswordChecker: Sendable {
  enum Verdict: Equatable, Sendable {
    case right, wrong
    /// Too many wait already; nothing was looked at.
    case busy
  }

  private struct Key: Hashable {
    let user: String
    let hash: String
  }

  private struct State {
    /// Quick hashes of passwords that were right.
    var known: [Key: [UInt8]] = [:]
    var slowCount = 0
    var quickCount = 0
  }

  private let slow = NIOThreadPool(numberOfThreads: 1)
  private let quick = NIOThreadPool(numberOfThreads: 1)
  /// Nil where the library has no such hash: then nothing is remembered.
  private let setting = PasswordHash.quickSetting()
  private let state = Mutex(State())

  private static let slowCountMax = 8
  private static let quickCountMax = 64
  private static let knownCountMax = 256

  init() {
    slow.start()
    quick.start()
  }

  func verify(_ attempt: StatusLogin.Attempt) async -> Verdict {
    let key = Key(user: attempt.user, hash: attempt.hash)
    if let known = state.withLock({ $0.known[key] }) {
      guard enter(\.quickCount, max: Self.quickCountMax) else { return .busy }
      defer { leave(\.quickCount) }
      let digest = await digest(attempt.password)
      if let digest, attempt.isKnown, ConstantTime.isEqual(digest, known) { return .right }
    }
    guard enter(\.slowCount, max: Self.slowCountMax) else { return .busy }
    defer { leave(\.slowCount) }
    let matches = try? await slow.runIfActive {
      PasswordHash.matches(attempt.password, attempt.hash)
    }
    guard matches == true, attempt.isKnown else { return .wrong }
    if let digest = await digest(attempt.password) {
      state.withLock { state in
        // Users that were removed since, or have another password.
        if state.known.count >= Self.knownCountMax { state.known = [:] }
        state.known[key] = digest
      }
    }
    return .right
  }

  /// Ends its threads; what waits is refused.
  func stop() {
    slow.shutdownGracefully { _ in }
    quick.shutdownGracefully { _ in }
  }

  private func digest(_ password: [UInt8]) async -> [UInt8]? {
    guard let setting else { return nil }
    let text = try? await quick.runIfActive { PasswordHash.hash(password, setting: setting) }
    return text.flatMap { $0 }.map { Array($0.utf8) }
  }

  private func enter(_ count: WritableKeyPath<State, Int>, max: Int) -> Bool {
    state.withLock { state in
      guard state[keyPath: count] < max else { return false }
      state[keyPath: count] += 1
      return true
    }
  }

  private func leave(_ count: WritableKeyPath<State, Int>) {
    state.withLock { $0[keyPath: count] -= 1 }
  }
}
