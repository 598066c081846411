/// What hash tables mix into the hashes of words that come from outside, so that nobody can choose
/// words that all meet in one place and make every look-up a search.
///
/// Nothing that is written, counted or compared may depend on it: each process has another one.
package enum HashSeed {
  /// This process's. Not of the simulated world, whose random words are part of a run.
  package static let word: UInt64 = {
    var generator = SystemRandomNumberGenerator()
    return generator.next()
  }()
}
