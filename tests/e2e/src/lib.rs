//! The main scenario against a real kube-apiserver, when KUBEBUILDER_ASSETS names one
