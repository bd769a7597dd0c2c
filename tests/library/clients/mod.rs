//! Clients: their driver against leaders made by hand, in virtual time; and real clusters that are asked by
//! many at a time.

mod driver;
mod hand_made;
mod shared;
