/// An error that knows what to try next.
pub trait Hint {
    /// One sentence without a full stop, or nothing where there is no remedy to name.
    fn hint(&self) -> Option<String>;
}
