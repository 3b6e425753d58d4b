use affetto_core::{Progress, Seed, Stage};
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;
struct P;
impl Progress for P {
    fn note(&self, t: &str) { println!("{t}"); }
    fn step(&self, s: Stage, d: usize, t: usize) { if d % 20 == 0 { println!("{} {d}/{t}", s.name()); } }
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let o = affetto_music::train::TrainOptions { data: a[1].clone().into(), model: affetto_music::model::ModelKind::ALL[a[2].parse::<usize>().unwrap()], out: a[3].clone().into(), checkpoint: a[4].clone().into(), max_minutes: Some(a[5].parse().unwrap()), resume: true, seed: Seed(1) };
    match affetto_music::train::train(&o, &P) { Ok(r) => println!("{r:#?}"), Err(e) => println!("error {e}") }
}
