//! Tests of the program from outside: real processes, real sockets, real disks.

mod again;
mod budget;
mod certificate;
mod chaos;
mod cli;
mod common;
mod cut_off;
mod disk;
mod house;
mod init;
mod inspect;
mod logged;
mod missed;
mod network;
mod new;
mod node;
mod offspring;
mod output;
mod peers;
mod prove;
mod readme;
mod slow_disks;
mod status;
mod store;
mod strangers;
